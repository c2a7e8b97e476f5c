"""From the network's standardised tensors to forecasts of log-returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runs_app.forecasting.config.schema import LossKind
from runs_app.forecasting.evaluation.predictive import (
    QUANTILE_LEVELS,
    Family,
    FloatArray,
    Predictive,
)
from runs_app.forecasting.losses.density import LOG_SCALE_FLOOR

if TYPE_CHECKING:
    from torch import Tensor

    from runs_app.forecasting.losses.forecast import Forecast

FAMILIES: dict[LossKind, Family] = {
    LossKind.GAUSSIAN_NLL: Family.GAUSSIAN,
    LossKind.STUDENT_T: Family.STUDENT_T,
    LossKind.QUANTILE: Family.QUANTILES,
    LossKind.MSE: Family.POINT,
}


def predictive_of(forecast: Forecast, kind: LossKind, *, target_scale: float) -> Predictive:
    """``forecast`` of N decisions in log-returns, with the scale floor of the training loss.

    ``target_scale``: the log-return of one standardised unit.
    """
    family = FAMILIES[kind]
    scale = df = quantiles = None
    if forecast.log_scale is not None:
        scale = float64(forecast.log_scale.double().clamp(min=LOG_SCALE_FLOOR).exp())
        scale = scale * target_scale
    if forecast.df is not None:
        df = float64(forecast.df)
    if forecast.quantiles is not None:
        quantiles = float64(forecast.quantiles) * target_scale
    return Predictive(
        family=family,
        location=float64(forecast.location) * target_scale,
        scale=scale,
        df=df,
        quantiles=quantiles,
        levels=QUANTILE_LEVELS if family is Family.QUANTILES else (),
    )


def float64(tensor: Tensor) -> FloatArray:
    """``tensor`` as an array of the same shape in main memory."""
    array: FloatArray = tensor.detach().double().cpu().numpy()
    return array
