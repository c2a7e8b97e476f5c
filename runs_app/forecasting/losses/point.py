"""Scores of point forecasts and of quantiles, in standardised units."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from runs_app.forecasting.evaluation.predictive import QUANTILE_LEVELS
from runs_app.forecasting.losses.weighting import weighted_mean

if TYPE_CHECKING:
    from torch import Tensor

    from runs_app.forecasting.losses.forecast import Forecast


def squared_error(*, forecast: Forecast, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean squared distance of ``target`` [B] from the location -> []."""
    return weighted_mean((target.float() - forecast.location.float()).square(), weight)


def pinball(*, forecast: Forecast, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean pinball loss of ``target`` [B] over the levels ``QUANTILE_LEVELS`` -> [].

    Raises ``ValueError`` without quantiles.
    """
    if forecast.quantiles is None:
        raise ValueError("the forecast has no quantiles, so no pinball loss")
    quantiles = forecast.quantiles.float()  # [B, Q]
    levels = torch.tensor(QUANTILE_LEVELS, dtype=torch.float32, device=quantiles.device)
    error = target.float().unsqueeze(-1) - quantiles  # [B, Q]
    return weighted_mean(torch.maximum(levels * error, (levels - 1.0) * error).mean(-1), weight)
