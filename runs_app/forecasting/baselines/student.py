"""Maximum likelihood of a Student-t's shape."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import digamma, gammaln

from runs_app.forecasting.evaluation.predictive import FloatArray
from runs_app.forecasting.losses.density import LOG_SCALE_FLOOR

DF_BOUNDS = (2.05, 100.0)
"""The same that bound the network's head."""
MOST_ROWS = 500_000
"""More rows than these are thinned evenly: three parameters are known to a thousandth by then."""
_START_DF = 5.0


@dataclass(frozen=True)
class StudentShape:
    """Location, scale and degrees of freedom of a Student-t."""

    location: float
    scale: float
    df: float


def fit_student_t(values: FloatArray, *, free_location: bool) -> StudentShape:
    """The most likely shape of ``values`` [N]; location 0 unless it is free.

    The scale does not fall below the floor of the network's loss, a share of the root mean square
    of ``values``: prices that mostly stand still would otherwise buy any likelihood. Raises
    ``ValueError`` where all are zero.
    """
    size = math.sqrt(float(np.square(values).mean()))
    if size == 0.0:
        raise ValueError("values that are all zero have no distribution")
    thinned = values[:: -(-len(values) // MOST_ROWS)] / size
    start = [
        float(np.median(thinned)) if free_location else 0.0,
        math.log(0.7),
        math.log(_START_DF),
    ]
    bounds = [
        (-3.0, 3.0) if free_location else (0.0, 0.0),
        (LOG_SCALE_FLOOR, 3.0),
        (math.log(DF_BOUNDS[0]), math.log(DF_BOUNDS[1])),
    ]
    found = minimize(_mean_nll, start, args=(thinned,), jac=True, bounds=bounds, method="L-BFGS-B")
    location, log_scale, log_df = (float(value) for value in found.x)
    return StudentShape(location * size, math.exp(log_scale) * size, math.exp(log_df))


def _mean_nll(theta: FloatArray, values: FloatArray) -> tuple[float, FloatArray]:
    """Mean negative log-likelihood and its slope in location, log scale and log df [3]."""
    location, scale, df = float(theta[0]), math.exp(theta[1]), math.exp(theta[2])
    z = (values - location) / scale
    square = np.square(z)
    log1p = float(np.log1p(square / df).mean())
    pull = (df + 1.0) / (df + square)
    peak = gammaln(0.5 * (df + 1.0)) - gammaln(0.5 * df) - 0.5 * math.log(math.pi * df)
    value = math.log(scale) - peak + 0.5 * (df + 1.0) * log1p
    weight = float((pull * square).mean())
    peak_slope = 0.5 * (digamma(0.5 * (df + 1.0)) - digamma(0.5 * df) - 1.0 / df)
    slope = [
        -float((pull * z).mean()) / scale,
        1.0 - weight,
        df * (0.5 * log1p - peak_slope) - 0.5 * weight,
    ]
    return float(value), np.array(slope)
