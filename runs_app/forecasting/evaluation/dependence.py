"""How long a series of losses remembers, and how uncertain that makes its mean.

Losses of neighbouring decisions are not independent: outcomes over several bars overlap, and a
volatile day is hard for every forecaster. The test of Diebold and Mariano, the block bootstrap and
the interval of the hit rate take their length from here, so that they cannot contradict each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from runs_app.forecasting.evaluation.predictive import FloatArray


@dataclass(frozen=True)
class MeanError:
    """Uncertainty of the mean of one series."""

    variance: float
    """Of the mean, in squared units of the series; zero where nothing varies."""
    bandwidth: int
    """Lags that the Bartlett kernel reaches over."""
    freedom: float
    """Degrees of freedom of that variance: t quantiles belong to it, not normal ones."""


def bandwidth(values: FloatArray, *, horizon_bars: int) -> int:
    """Truncation lag of the Bartlett kernel for ``values`` [N] -> 1..N-1.

    The largest of: 1.3 root N, the rule of Lazarus, Lewis, Stock and Watson (Journal of Business &
    Economic Statistics 36, 2018), which keeps the size of tests on persistent series; the plug-in
    of Andrews (Econometrica 59, 1991) for a first-order autoregression; twice the horizon, as
    forecasts over h bars err together for h - 1 lags. The first two end at a quarter of N.
    """
    count = len(values)
    if count < 2:
        return 1
    wanted = max(math.ceil(1.3 * math.sqrt(count)), _andrews(values))
    return max(1, min(count - 1, max(min(wanted, count // 4), 2 * horizon_bars)))


def mean_error(values: FloatArray, *, horizon_bars: int) -> MeanError:
    """Variance of the mean of ``values`` [N] in order of time: Newey and West (1987).

    Degrees of freedom: those of the kernel estimate, 1.5 N / bandwidth (Lazarus et al. 2018).
    """
    count = len(values)
    lags = bandwidth(values, horizon_bars=horizon_bars)
    if count < 2:
        return MeanError(0.0, lags, 1.0)
    centred = values - values.mean()
    # Sums over all windows of that length, run-in and run-out included, squared and added: that is
    # the Bartlett-weighted sum of all autocovariances, and cannot be negative.
    sums = np.cumsum(np.concatenate([centred, np.zeros(lags - 1)]))
    sums[lags:] -= sums[:-lags].copy()
    long_run = float(np.square(sums).sum()) / (count * lags)
    freedom = max(1.0, min(count - 1.0, 1.5 * count / lags))
    return MeanError(long_run / count, lags, freedom)


def _andrews(values: FloatArray) -> int:
    centred = values - values.mean()
    energy = float(np.dot(centred, centred))
    if energy <= 0.0:
        return 1
    rho = min(0.999, abs(float(np.dot(centred[1:], centred[:-1])) / energy))
    alpha = 4.0 * rho * rho / ((1.0 - rho) ** 2 * (1.0 + rho) ** 2)
    return math.ceil(1.1447 * math.cbrt(alpha * len(values)))
