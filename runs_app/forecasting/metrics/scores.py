"""All scores of a part of the data, over the whole part at once (never a mean of batch means)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from runs_app.forecasting.config.schema import LossKind
from runs_app.forecasting.losses.density import gaussian_nll, student_t_nll
from runs_app.forecasting.losses.total import total_loss
from runs_app.forecasting.metrics.direction import directional_accuracy, macro_f1

if TYPE_CHECKING:
    from torch import Tensor

    from runs_app.forecasting.config.schema import LossConfig
    from runs_app.forecasting.losses.forecast import Forecast
    from runs_app.forecasting.metrics.baseline import ConstantBaseline

DENSITIES = {LossKind.GAUSSIAN_NLL: gaussian_nll, LossKind.STUDENT_T: student_t_nll}


def score(
    config: LossConfig,
    *,
    forecast: Forecast,
    target: Tensor,
    target_scale: float,
    short_label: Tensor,
    long_label: Tensor,
) -> dict[str, float | None]:
    """Scores of N decisions; RMSE and NLL are of log-returns, the loss of standardised ones.

    ``target`` [N] is standardised, ``target_scale`` turns it back into a log-return. The keys are
    ``loss da f1 f1_short f1_long rmse nll``; a score the head cannot have is None.
    """
    losses = total_loss(
        config,
        forecast=forecast,
        target=target,
        short_label=short_label,
        long_label=long_label,
    )
    f1_short = macro_f1(forecast.short_logits.argmax(-1), short_label)
    f1_long = macro_f1(forecast.long_logits.argmax(-1), long_label)
    error = (target.double() - forecast.location.double()).square().mean().sqrt()
    density = DENSITIES.get(config.kind)
    nll = None
    if density is not None:
        # The density of a log-return is that of the standardised one divided by the scale.
        nll = float(density(forecast=forecast, target=target)) + math.log(target_scale)
    return {
        "loss": float(losses.total),
        "da": directional_accuracy(forecast.location, target),
        "f1": 0.5 * (f1_short + f1_long),
        "f1_short": f1_short,
        "f1_long": f1_long,
        "rmse": float(error) * target_scale,
        "nll": nll,
    }


def score_baseline(baseline: ConstantBaseline, target: Tensor) -> dict[str, float | None]:
    """``rmse`` and ``nll`` of the constant baseline on log-returns ``target`` [N]."""
    return {"rmse": baseline.rmse(target), "nll": baseline.nll(target)}
