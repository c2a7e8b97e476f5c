"""Exponentially weighted volatility that knows only the past and forgets where the file began."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from runs_app.forecasting.data.warmup import VOLATILITY_BARS

FloatArray = npt.NDArray[np.float64]

FORECAST_HALF_LIFE_BARS = 20.0
"""Half-life of the volatility forecast that the network corrects."""

FLOOR_SHARE = 0.05
"""The floor of the forecast, as a share of its median over the train part."""

_SMALLEST = 1e-6
"""Floor when train prices never moved: a hundredth of a basis point."""


def log_returns(close: FloatArray) -> FloatArray:
    """Close-to-close log-returns [bars]; the first is 0, as there is no bar before it."""
    out = np.zeros_like(close)
    np.log(close[1:] / close[:-1], out=out[1:])
    return out


def ewma_volatility(returns: FloatArray, half_life_bars: float) -> FloatArray:
    """Root of the weighted mean of the last ``VOLATILITY_BARS`` squared returns [bars], per bar.

    Weights halve every ``half_life_bars`` and sum to one; the bar's own return is included, so
    that the value is known at the bar's close. Cutting the weights off after ``VOLATILITY_BARS``
    makes each value, from there on, independent of where the file begins.
    """
    volatility: FloatArray = np.sqrt(ewma_variance(returns**2, half_life_bars))
    return volatility


def ewma_variance(variance: FloatArray, half_life_bars: float) -> FloatArray:
    """The same weighted mean [bars] of any measure of each bar's variance [bars]."""
    decay = 0.5 ** (1.0 / half_life_bars)
    total: FloatArray = lfilter([1.0], [1.0, -decay], variance)
    total[VOLATILITY_BARS:] -= decay**VOLATILITY_BARS * total[:-VOLATILITY_BARS].copy()
    weight = (1.0 - decay**VOLATILITY_BARS) / (1.0 - decay)
    smoothed: FloatArray = np.maximum(total, 0.0) / weight
    return smoothed


def floor_of(volatility: FloatArray) -> float:
    """The smallest forecast to use, from the train part's volatilities [N]; always above zero."""
    moving = volatility[volatility > 0]
    if len(moving) == 0:
        return _SMALLEST
    return max(FLOOR_SHARE * float(np.median(moving)), _SMALLEST)
