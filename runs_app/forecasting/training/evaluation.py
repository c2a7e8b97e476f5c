"""Forecasts and scores of a whole part of the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from runs_app.forecasting.losses.forecast import Forecast
from runs_app.forecasting.metrics.baseline import ConstantBaseline
from runs_app.forecasting.metrics.scores import score, score_baseline
from runs_app.forecasting.training.precision import autocast

if TYPE_CHECKING:
    from torch import Tensor

    from runs_app.forecasting.config.schema import RunConfig
    from runs_app.forecasting.network.forecaster import Forecaster
    from runs_app.forecasting.training.feed import DecisionTable
    from runs_app.forecasting.training.stopping import StopSignal

MAX_BATCH = 2048
ACTIVATIONS = 1 << 25
"""Numbers in the widest layer of one batch: 128 MiB in float32."""


@dataclass(frozen=True)
class Evaluator:
    """Runs a network over parts of one table, in big batches and without gradients."""

    config: RunConfig
    table: DecisionTable
    baseline: ConstantBaseline
    stop: StopSignal

    @property
    def batch_size(self) -> int:
        """Decisions per batch, by the memory of the widest layer."""
        model = self.config.model
        patches = (model.context_bars - model.patch_length) // model.patch_stride + 1
        return max(16, min(MAX_BATCH, ACTIVATIONS // (patches * 4 * model.d_model)))

    def forecast(self, network: Forecaster, rows: Tensor) -> Forecast:
        """The forecasts of the decisions ``rows`` [N]. Raises ``StopRequested`` between batches."""
        parts = []
        training = network.training
        network.eval()
        try:
            with torch.inference_mode(), autocast(self.config.train, self.table.device):
                for index in torch.split(rows.to(self.table.device), self.batch_size):
                    self.stop.check()
                    batch = self.table.batch(index)
                    parts.append(network(batch.windows, batch.log_volatility))
        finally:
            network.train(training)
        return Forecast.concatenate(parts)

    def score(self, forecast: Forecast, rows: Tensor) -> dict[str, float | None]:
        """Scores of ``forecast`` on the decisions ``rows`` [N], named as in ``metrics.scores``."""
        index = rows.to(self.table.device)
        with torch.inference_mode():
            return score(
                self.config.loss,
                forecast=forecast,
                target=self.table.target[index],
                target_scale=self.table.target_scale,
                short_label=self.table.short_label[index],
                long_label=self.table.long_label[index],
            )

    def score_baseline(self, rows: Tensor) -> dict[str, float | None]:
        """Scores of the constant baseline on the same decisions."""
        index = rows.to(self.table.device)
        return score_baseline(self.baseline, self.table.target[index] * self.table.target_scale)
