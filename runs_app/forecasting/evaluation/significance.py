"""Is one forecaster's loss really lower than another's? The test of Diebold and Mariano (1995)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from runs_app.forecasting.evaluation.dependence import mean_error
from runs_app.forecasting.evaluation.predictive import FloatArray

_ROUNDING = 1e-13
"""Differences below this share of the losses are rounding, not skill."""


@dataclass(frozen=True)
class DieboldMariano:
    """The mean loss difference a - b, and how surely it is not zero."""

    mean_difference: float
    """Negative where a is better."""
    statistic: float
    p_value: float
    """Two-sided, 0..1; 1 where the losses are the same or too few to say anything."""
    bandwidth: int
    """Lags of the HAC variance."""


def diebold_mariano(loss_a: FloatArray, loss_b: FloatArray, *, horizon_bars: int) -> DieboldMariano:
    """Compare two losses [N] of the same decisions, in order of time; forecasts over h bars.

    Newey-West variance with the bandwidth of ``dependence.bandwidth``, the small-sample correction
    of Harvey, Leybourne and Newbold (International Journal of Forecasting 13, 1997), and a t
    distribution with the degrees of freedom of that variance, which are fewer than their N - 1.
    Raises ``ValueError`` for losses that are not finite or not of one length.
    """
    a, b = np.asarray(loss_a, np.float64), np.asarray(loss_b, np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"losses of shapes {a.shape} and {b.shape} cannot be compared row by row")
    difference = a - b
    if not np.isfinite(difference).all():
        raise ValueError("a loss is not finite, so that its mean says nothing")
    count = len(difference)
    # In units of the largest, so that no square leaves the range of floats.
    unit = float(np.abs(difference).max(initial=0.0))
    difference = difference / (unit or 1.0)
    share = float(difference.mean()) if count else 0.0
    mean = unit * share
    if count < 2 or unit <= _ROUNDING * max(np.abs(a).max(), np.abs(b).max()):
        return DieboldMariano(mean, 0.0, 1.0, 1)
    error = mean_error(difference, horizon_bars=horizon_bars)
    h = min(horizon_bars, count)
    correction = math.sqrt(max(0.0, count + 1 - 2 * h + h * (h - 1) / count) / count)
    spread = math.sqrt(error.variance)
    if spread <= _ROUNDING * abs(share):
        statistic = math.copysign(math.inf, share)  # the very same difference on every row
    else:
        statistic = correction * share / spread
    p_value = float(min(1.0, 2.0 * stdtr(error.freedom, -abs(statistic))))
    return DieboldMariano(mean, statistic, p_value, error.bandwidth)
