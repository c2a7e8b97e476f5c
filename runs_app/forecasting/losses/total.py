"""The training loss: the distribution's score plus the two directions' cross-entropies."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import torch
from torch.nn.functional import cross_entropy

from runs_app.forecasting.config.schema import LossKind
from runs_app.forecasting.losses.density import gaussian_nll, student_t_nll
from runs_app.forecasting.losses.point import pinball, squared_error
from runs_app.forecasting.losses.weighting import weighted_mean

if TYPE_CHECKING:
    from torch import Tensor

    from runs_app.forecasting.config.schema import LossConfig
    from runs_app.forecasting.losses.forecast import Forecast


class RegressionLoss(Protocol):
    """The signature all regression losses share."""

    def __call__(
        self, *, forecast: Forecast, target: Tensor, weight: Tensor | None = None
    ) -> Tensor: ...


REGRESSION_LOSSES: dict[LossKind, RegressionLoss] = {
    LossKind.GAUSSIAN_NLL: gaussian_nll,
    LossKind.STUDENT_T: student_t_nll,
    LossKind.QUANTILE: pinball,
    LossKind.MSE: squared_error,
}


class LossTerms(NamedTuple):
    """The weighted total and its unweighted parts, each []."""

    total: Tensor
    next: Tensor
    short: Tensor
    long: Tensor


def direction_loss(*, logits: Tensor, label: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean cross-entropy (natural log) of ``label`` [B] under ``logits`` [B, 3] -> []."""
    return weighted_mean(cross_entropy(logits.float(), label, reduction="none"), weight)


def total_loss(
    config: LossConfig,
    *,
    forecast: Forecast,
    target: Tensor,
    short_label: Tensor,
    long_label: Tensor,
    weight: Tensor | None = None,
) -> LossTerms:
    """Weighted sum of the three losses; always float32, also inside a bfloat16 autocast.

    ``target`` [B] is standardised, the labels [B] count 0 down, 1 flat, 2 up.
    """
    with torch.autocast(device_type=target.device.type, enabled=False):
        regression = REGRESSION_LOSSES[config.kind]
        following = regression(forecast=forecast, target=target, weight=weight)
        short = direction_loss(logits=forecast.short_logits, label=short_label, weight=weight)
        long = direction_loss(logits=forecast.long_logits, label=long_label, weight=weight)
        weights = config.weights
        total = weights.next * following + weights.short * short + weights.long * long
    return LossTerms(total, following, short, long)
