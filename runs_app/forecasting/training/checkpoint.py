"""What a checkpoint holds: tensors and plain values only, so that loading it runs no code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.network.forecaster import Forecaster

if TYPE_CHECKING:
    from pathlib import Path

    from runs_app.forecasting.data.prepare import PreparedData
    from runs_app.forecasting.training.feed import TrainingFeed
    from runs_app.forecasting.training.module import ForecastModule

FORMAT = 1


@dataclass(frozen=True)
class CheckpointWriter:
    """Gathers the contents of a checkpoint from the parts of a fit."""

    config: RunConfig
    data: PreparedData
    feed: TrainingFeed
    module: ForecastModule
    target_scale: float

    def content(
        self, *, epoch: int, step: int, metrics: dict[str, float | None], epoch_finished: bool
    ) -> dict[str, Any]:
        """The checkpoint after optimizer step ``step``, in or at the end of ``epoch`` (from 1)."""
        optimizer = self.module.optimizer
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
            "epoch": epoch,
            "epoch_finished": epoch_finished,
            "step": step,
            "metrics": metrics,
            "order": self.feed.position(step, epoch_finished=epoch_finished),
            "torch_rng_state": torch.get_rng_state(),
        }


def load_checkpoint(path: Path, *, device: torch.device | None = None) -> dict[str, Any]:
    """The contents of a checkpoint file; nothing in it is executed."""
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
