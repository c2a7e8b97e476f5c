"""What a checkpoint holds: tensors and plain values only, so that loading it runs no code."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import torch

from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.errors import CheckpointDamaged
from runs_app.forecasting.network.forecaster import Forecaster
from runs_app.forecasting.progress import advance

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from runs_app.forecasting.data.prepare import PreparedData
    from runs_app.forecasting.events import CheckpointSaved
    from runs_app.forecasting.training.feed import TrainingFeed
    from runs_app.forecasting.training.module import ForecastModule
    from runs_app.forecasting.training.record import FitRecord
    from runs_app.forecasting.training.throughput import Throughput

FORMAT = 2
CHUNK_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class CheckpointWriter:
    """Gathers the contents of a checkpoint from the parts of a fit."""

    config: RunConfig
    data: PreparedData
    feed: TrainingFeed
    module: ForecastModule
    record: FitRecord
    throughput: Throughput
    target_scale: float
    origin: dict[str, str]
    """What the fit runs on: see ``origin``."""

    def content(self, metrics: dict[str, float | None] | None = None) -> dict[str, Any]:
        """The checkpoint of this moment, which is between two steps.

        ``metrics`` are those of the epoch just finished; None inside an epoch.
        """
        optimizer, record = self.module.optimizer, self.record
        return {
            "format": FORMAT,
            "config": self.config.model_dump(mode="json"),
            "timeframes": list(self.data.timeframes),
            "feature_names": [list(names) for names in self.data.feature_names],
            "scalers": self.data.scalers,
            "target_scale": self.target_scale,
            "volatility_floor": self.data.volatility_floor,
            "network": self.module.network.state_dict(),
            "optimizer": None if optimizer is None else optimizer.state_dict(),
            "epoch": record.epochs + (1 if record.epoch_steps else 0),
            "epoch_finished": not record.epoch_steps,
            "step": record.step,
            "metrics": metrics or {},
            "record": record.state(),
            "order": self.feed.position(record.epoch_steps),
            "seconds_per_step": self.throughput.seconds_per_step,
            "seconds_per_validation": self.throughput.seconds_per_validation,
            "torch_rng_state": torch.get_rng_state(),
            "cuda_rng_states": torch.cuda.get_rng_state_all() if self._on_gpu else [],
            "origin": self.origin,
        }

    @property
    def _on_gpu(self) -> bool:
        return self.module.parameter_list[0].is_cuda


def load_checkpoint(path: Path, *, device: torch.device | None = None) -> dict[str, Any]:
    """The contents of a checkpoint file; nothing in it is executed.

    Raises ``CheckpointDamaged`` where the file is not what was once written: torch itself does not
    compare the checksums that it writes.
    """
    with _opened(path) as file:
        return _load(file, path.name, device or torch.device("cpu"))


def load_recorded(
    path: Path, events: Collection[CheckpointSaved]
) -> tuple[dict[str, Any], CheckpointSaved]:
    """The same, and which of ``events`` has the file's SHA-256; ``CheckpointDamaged`` if none."""
    with _opened(path) as file:  # what was compared is what is loaded
        if not events:
            raise CheckpointDamaged(f"{path.name} is in no record of this run")
        found = _sha256(file)
        for event in events:
            if event.sha256 == found:
                return _load(file, path.name, torch.device("cpu")), event
    raise CheckpointDamaged(f"{path.name} has another SHA-256 than was recorded for it")


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except FileNotFoundError:
        raise CheckpointDamaged(f"{path.name} is gone") from None
    except OSError as error:
        raise CheckpointDamaged(f"{path.name} cannot be read: {error.strerror}") from error


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
        advance()
    return digest.hexdigest()


def _look_for_damage(file: BinaryIO, name: str) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            # torch.save compresses nothing, so nothing grows when it is read; and it has no
            # constants, by which torch would know a program.
            if any(
                part.compress_type != zipfile.ZIP_STORED or part.filename.endswith("constants.pkl")
                for part in archive.infolist()
            ):
                raise CheckpointDamaged(f"{name} was not written by AiStemPre")
            damaged = archive.testzip()
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error) as error:
        raise CheckpointDamaged(f"{name} is no whole checkpoint file: {error}") from error
    if damaged:
        raise CheckpointDamaged(f"{name} is damaged: its part {damaged} has another checksum")


def _load(file: BinaryIO, name: str, device: torch.device) -> dict[str, Any]:
    _look_for_damage(file, name)
    file.seek(0)
    try:
        content = torch.load(file, map_location=device, weights_only=True)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # torch raises whatever the damage happens to break
        raise CheckpointDamaged(
            f"{name} holds something other than tensors and plain values, which is never loaded"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointDamaged(f"{name} was written by another version of AiStemPre")
    advance()
    return content


def restore_network(content: dict[str, Any]) -> Forecaster:
    """The network of a checkpoint, in evaluation mode."""
    config = RunConfig.model_validate(content["config"])
    network = Forecaster(
        config.model,
        config.loss.kind,
        features=[len(names) for names in content["feature_names"]],
    )
    network.load_state_dict(content["network"])
    return network.eval()
