"""What a checkpoint holds: tensors and plain values only, so that loading it runs no code."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.errors import CheckpointDamaged
from runs_app.forecasting.network.forecaster import Forecaster

if TYPE_CHECKING:
    from pathlib import Path

    from runs_app.forecasting.data.prepare import PreparedData
    from runs_app.forecasting.training.feed import TrainingFeed
    from runs_app.forecasting.training.module import ForecastModule
    from runs_app.forecasting.training.record import FitRecord
    from runs_app.forecasting.training.throughput import Throughput

FORMAT = 2


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
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (OSError, zipfile.BadZipFile, NotImplementedError, zlib.error) as error:
        raise CheckpointDamaged(f"{path.name} cannot be read: {error}") from error
    if damaged:
        raise CheckpointDamaged(f"{path.name} is damaged: its part {damaged} has another checksum")
    content: dict[str, Any] = torch.load(path, map_location=device or "cpu", weights_only=True)
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
