"""A loss or gradient that is not finite: which batch, and which part of the loss."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import torch

from runs_app.forecasting.errors import NonFiniteLoss
from runs_app.forecasting.training.precision import autocast

if TYPE_CHECKING:
    from runs_app.forecasting.training.feed import Batch
    from runs_app.forecasting.training.module import ForecastModule


def describe_fault(module: ForecastModule, batch: Batch) -> NonFiniteLoss:
    """The error of a step whose loss or gradient is not finite, with the dates of its batch."""
    at_fault, value = "loss", module.loss
    if math.isfinite(module.loss):
        at_fault, value = "gradient", module.grad_norm
    times = module.decision_time[batch.rows.cpu().numpy()]
    return NonFiniteLoss(
        f"The training {at_fault} became {value} at step {module.record.step + 1} of epoch "
        f"{module.record.epochs + 1} on decisions between {_date(times.min())} and "
        f"{_date(times.max())} UTC ({_parts(module, batch)}). Lower the learning rate "
        "(train.learning_rate) or the gradient clip, or look at the candles of that time."
    )


def _parts(module: ForecastModule, batch: Batch) -> str:
    """The loss's parts and the ranges that they come from, computed once more without gradients."""
    with torch.no_grad(), autocast(module.config.train, batch.target.device):
        forecast = module.network(batch.windows, batch.log_volatility)
        terms = module.score(forecast, batch)
    parts = [
        f"distribution {float(terms.next):.4g}",
        f"short {float(terms.short):.4g}",
        f"long {float(terms.long):.4g}",
        f"targets {_range(batch.target)} deviations",
    ]
    if forecast.log_scale is not None:
        parts.append(f"log scale {_range(forecast.log_scale)}")
    return ", ".join(parts)


def _range(values: torch.Tensor) -> str:
    return f"{float(values.min()):.4g} to {float(values.max()):.4g}"


def _date(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(int(milliseconds) / 1000, UTC):%Y-%m-%d %H:%M}"
