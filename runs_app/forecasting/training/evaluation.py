"""Forecasts and scores of a whole part of the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import torch

from runs_app.forecasting.evaluation.directions import hit_rate, macro_f1
from runs_app.forecasting.evaluation.scorecard import mean_scores
from runs_app.forecasting.losses.forecast import Forecast
from runs_app.forecasting.losses.total import total_loss
from runs_app.forecasting.progress import advance
from runs_app.forecasting.training.credibility import settle_credibility, spaced
from runs_app.forecasting.training.precision import autocast
from runs_app.forecasting.training.predictive import float64, predictive_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from runs_app.forecasting.config.schema import RunConfig
    from runs_app.forecasting.network.forecaster import Forecaster
    from runs_app.forecasting.training.feed import DecisionTable
    from runs_app.forecasting.training.stopping import StopSignal

Answer = TypeVar("Answer")

MAX_BATCH = 2048
ACTIVATIONS = 1 << 25
"""Numbers in the widest layer of one batch: 128 MiB in float32."""


@dataclass(frozen=True)
class Evaluator:
    """Runs a network over parts of one table, in big batches and without gradients."""

    config: RunConfig
    table: DecisionTable
    stop: StopSignal

    @property
    def batch_size(self) -> int:
        """Decisions per batch, by the memory of the widest layer."""
        model = self.config.model
        patches = (model.context_bars - model.patch_length) // model.patch_stride + 1
        return max(16, min(MAX_BATCH, ACTIVATIONS // (patches * 4 * model.d_model)))

    def forecast(self, network: Forecaster, rows: Tensor) -> Forecast:
        """The forecasts of the decisions ``rows`` [N]. Raises ``StopRequested`` between batches."""
        return Forecast.concatenate(self._each_batch(network, network, rows))

    def settle(self, network: Forecaster, rows: Tensor) -> None:
        """Settle on the decisions ``rows`` [N] how far the network's corrections are believed."""
        some = spaced(rows)
        raw, log_volatility = zip(
            *self._each_batch(network, network.corrections, some), strict=True
        )
        settle_credibility(
            network,
            self.config.loss.kind,
            raw=torch.cat(raw),
            log_volatility=torch.cat(log_volatility),
            target=self.table.target[some.to(self.table.device)],
        )

    def _each_batch(
        self, network: Forecaster, ask: Callable[[list[Tensor], Tensor], Answer], rows: Tensor
    ) -> list[Answer]:
        """What ``ask`` makes of each batch of ``rows`` while the network does not train."""
        parts = []
        training = network.training
        network.eval()
        try:
            with torch.inference_mode(), autocast(self.config.train, self.table.device):
                for index in torch.split(rows.to(self.table.device), self.batch_size):
                    self.stop.check()
                    batch = self.table.batch(index)
                    parts.append(ask(batch.windows, batch.log_volatility))
                    advance()
        finally:
            network.train(training)
        return parts

    def score(self, forecast: Forecast, rows: Tensor) -> dict[str, float | None]:
        """Scores of ``forecast`` on the decisions ``rows`` [N]; one the head cannot have is None.

        The keys are ``loss da f1 f1_short f1_long rmse nll crps pinball``. The loss is the training
        loss, of standardised returns; the others are of log-returns.
        """
        index = rows.to(self.table.device)
        short_label, long_label = self.table.short_label[index], self.table.long_label[index]
        with torch.inference_mode():
            losses = total_loss(
                self.config.loss,
                forecast=forecast,
                target=self.table.target[index],
                short_label=short_label,
                long_label=long_label,
            )
            f1_short = _f1(forecast.short_logits, short_label)
            f1_long = _f1(forecast.long_logits, long_label)
        y = float64(self.table.target[index]) * self.table.target_scale
        p = predictive_of(forecast, self.config.loss.kind, target_scale=self.table.target_scale)
        advance()
        hits = hit_rate(p.location, y, horizon_bars=self.config.horizons.next_bars)
        means = mean_scores(p, y)
        advance()
        return {
            "loss": float(losses.total),
            "da": None if hits is None else hits.rate,
            "f1": 0.5 * (f1_short + f1_long),
            "f1_short": f1_short,
            "f1_long": f1_long,
            **{name: means[name] for name in ("rmse", "nll", "crps", "pinball")},
        }


def _f1(logits: Tensor, label: Tensor) -> float:
    return macro_f1(logits.argmax(-1).cpu().numpy(), label.cpu().numpy())
