"""Negative log-likelihoods, natural log, in standardised units."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from runs_app.forecasting.losses.weighting import weighted_mean

if TYPE_CHECKING:
    from torch import Tensor

    from runs_app.forecasting.losses.forecast import Forecast

LOG_SCALE_FLOOR = math.log(1e-4)
"""A scale below 1/10,000 of the target's deviation would buy likelihood from unchanged prices."""


def gaussian_nll(*, forecast: Forecast, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean negative log density of ``target`` [B] under N(location, scale) -> []."""
    return weighted_mean(gaussian_surprise(forecast, target), weight)


def student_t_nll(*, forecast: Forecast, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean negative log density of ``target`` [B] under Student-t(df, location, scale) -> []."""
    return weighted_mean(student_t_surprise(forecast, target), weight)


def gaussian_surprise(forecast: Forecast, target: Tensor) -> Tensor:
    """-log density of each ``target`` [B] -> [B]. Raises ``ValueError`` without a scale."""
    log_scale = _floored(forecast.log_scale)
    z = (target.float() - forecast.location.float()) * torch.exp(-log_scale)
    return 0.5 * z.square() + log_scale + 0.5 * math.log(2.0 * math.pi)


def student_t_surprise(forecast: Forecast, target: Tensor) -> Tensor:
    """-log density of each ``target`` [B] -> [B]. Raises ``ValueError`` without df or scale."""
    if forecast.df is None:
        raise ValueError("the forecast has no degrees of freedom, so no Student-t density")
    df = forecast.df.float()
    log_scale = _floored(forecast.log_scale)
    z = (target.float() - forecast.location.float()) * torch.exp(-log_scale)
    normaliser = (
        torch.lgamma(0.5 * df) - torch.lgamma(0.5 * (df + 1.0)) + 0.5 * torch.log(math.pi * df)
    )
    return normaliser + log_scale + 0.5 * (df + 1.0) * torch.log1p(z.square() / df)


def _floored(log_scale: Tensor | None) -> Tensor:
    if log_scale is None:
        raise ValueError("the forecast has no scale, so no density")
    return log_scale.float().clamp(min=LOG_SCALE_FLOOR)
