"""GARCH(1,1) with Student-t innovations: fitted by ``arch``, filtered and summed over h bars here.

The conditional variance of the next return is omega + alpha r^2 + beta times the one before
(Bollerslev, Journal of Econometrics 31, 1986); the mean is zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from arch.univariate import GARCH, StudentsT, ZeroMean
from scipy.signal import lfilter

from runs_app.forecasting.evaluation.predictive import FloatArray

MOST_RETURNS = 400_000
"""The fit takes at most the newest so many training returns: a second's work."""
LEAST_RETURNS = 100
_STARTS = (None, (0.05, 0.05, 0.9, 6.0), (0.02, 0.1, 0.85, 4.0))


@dataclass(frozen=True)
class GarchParameters:
    """Per bar, in log-returns; ``alpha + beta`` at most 1."""

    omega: float
    alpha: float
    beta: float
    start: float
    """Variance that the first bar is given: the mean square of the training returns."""


def fit_garch(returns: FloatArray) -> GarchParameters | None:
    """Maximum likelihood on training returns [bars]; None where no start converges."""
    recent = returns[-MOST_RETURNS:]
    start = float(np.square(recent).mean())
    if len(recent) < LEAST_RETURNS or start <= 0.0:
        return None
    size = math.sqrt(start)
    model = ZeroMean(recent / size, volatility=GARCH(p=1, q=1), distribution=StudentsT())
    for starting in _STARTS:
        fitted = model.fit(
            disp="off",
            show_warning=False,
            starting_values=None if starting is None else np.array(starting),
        )
        omega, alpha, beta, _ = (float(value) for value in fitted.params)
        sound = all(math.isfinite(value) for value in (omega, alpha, beta))
        if fitted.convergence_flag == 0 and sound and omega >= 0.0 and alpha + beta <= 1.0 + 1e-6:
            return GarchParameters(omega * start, alpha, beta, start)
    return None


def next_variance(parameters: GarchParameters, returns: FloatArray) -> FloatArray:
    """Variance of the bar after each bar [bars], known at that bar's close."""
    shocks = parameters.omega + parameters.alpha * np.square(returns)
    state = np.array([parameters.beta * parameters.start])
    variance: FloatArray = lfilter([1.0], [1.0, -parameters.beta], shocks, zi=state)[0]
    return variance


def summed_variance(parameters: GarchParameters, first: FloatArray, bars: int) -> FloatArray:
    """Variance of the return over ``bars`` bars, where the first bar's is ``first`` [N] -> [N].

    The expected variance of each further bar is omega + (alpha + beta) times the one before, and
    returns are uncorrelated.
    """
    powers = (parameters.alpha + parameters.beta) ** np.arange(bars)
    constant = parameters.omega * float(powers.cumsum()[:-1].sum())
    summed: FloatArray = first * float(powers.sum()) + constant
    return summed
