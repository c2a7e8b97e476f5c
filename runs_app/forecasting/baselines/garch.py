"""GARCH(1,1) with Student-t innovations: fitted by ``arch`` and a simplex, summed over h bars here.

The conditional variance of the next return is omega + alpha r^2 + beta times the one before
(Bollerslev, Journal of Econometrics 31, 1986); the mean is zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from arch.univariate import GARCH, StudentsT, ZeroMean
from scipy.optimize import minimize
from scipy.signal import lfilter
from scipy.special import expit, logit

from runs_app.forecasting.evaluation.predictive import FloatArray
from runs_app.forecasting.progress import advance

MOST_RETURNS = 400_000
"""The fit takes at most the newest so many training returns: a second's work."""
LEAST_RETURNS = 100
MOST_SIMPLEX_RETURNS = 100_000
LEAST_VARIANCE = 1e-8
"""Share of the training returns' variance: omega may come out as zero, and prices may stand still
for so long that nothing else is left."""
_DF_LEAST = 2.05
_GUESSES = ((0.02, 0.1, 0.88, 5.0), (0.05, 0.25, 0.7, 4.0))


@dataclass(frozen=True)
class GarchParameters:
    """Per bar, in log-returns; ``alpha + beta`` at most 1."""

    omega: float
    alpha: float
    beta: float
    start: float
    """Variance that the first bar is given: the mean square of the training returns."""


def fit_garch(returns: FloatArray) -> GarchParameters | None:
    """Maximum likelihood on training returns [bars]; None where no maximum is found."""
    recent = returns[-MOST_RETURNS:]
    start = float(np.square(recent).mean())
    if len(recent) < LEAST_RETURNS or start <= 0.0:
        return None
    size = math.sqrt(start)
    model = ZeroMean(recent / size, volatility=GARCH(p=1, q=1), distribution=StudentsT())
    fitted = model.fit(disp="off", show_warning=False)
    advance()
    best = _by_simplex(recent[-MOST_SIMPLEX_RETURNS:] / size, fitted.params.tolist())
    return None if best is None else GarchParameters(best[0] * start, best[1], best[2], start)


def _by_simplex(
    returns: FloatArray, climbed: Sequence[float]
) -> tuple[float, float, float, float] | None:
    """The likeliest parameters for ``returns`` [bars] of variance one, from what ``arch`` found.

    ``arch`` climbs along a gradient and stops early, now and then with word of success, where
    alpha + beta is nearly one, as in every intraday market. A baseline that is fitted badly is
    easily beaten; so Nelder and Mead's simplex goes on from the best point known.
    """
    known = list(_GUESSES)
    omega, alpha, beta, df = (float(value) for value in climbed)
    if omega > 0.0 and 0.0 < alpha < 1.0 and 0.0 < beta < 1.0 - alpha and df > _DF_LEAST:
        known.append((omega, alpha, beta, df))
    begin = min(
        (np.array(_coordinates(*point)) for point in known), key=lambda x: _surprise(x, returns)
    )
    found = minimize(
        _surprise, begin, args=(returns,), method="Nelder-Mead",
        options={"maxiter": 2000, "xatol": 1e-3, "fatol": 1e-7},
    )  # fmt: skip
    if not (found.success and math.isfinite(found.fun)):
        return None
    return _parameters(found.x)


def _coordinates(omega: float, alpha: float, beta: float, df: float) -> list[float]:
    """Where a point of the parameters lies on axes without bounds."""
    return [
        math.log(omega), float(logit(alpha)), float(logit(beta / (1.0 - alpha))),
        math.log(df - _DF_LEAST),
    ]  # fmt: skip


def _parameters(point: FloatArray) -> tuple[float, float, float, float]:
    """omega, alpha, beta with alpha + beta below one, df."""
    omega, alpha, share, freedom = (float(value) for value in point)
    first = float(expit(alpha))
    return (
        math.exp(omega),
        first,
        (1.0 - first) * float(expit(share)),
        _DF_LEAST + math.exp(freedom),
    )


def _surprise(point: FloatArray, returns: FloatArray) -> float:
    """Mean negative log density of the returns after the first."""
    advance()
    omega, alpha, beta, df = _parameters(point)
    variance = next_variance(GarchParameters(omega, alpha, beta, 1.0), returns)[:-1]
    square = np.maximum(variance, LEAST_VARIANCE) * ((df - 2.0) / df)
    normaliser = math.lgamma(0.5 * df) - math.lgamma(0.5 * (df + 1.0)) + 0.5 * math.log(df)
    with np.errstate(over="ignore"):  # the worst point of a simplex may be absurd
        tail = np.log1p(np.square(returns[1:]) / (df * square))
    return float(normaliser + 0.5 * np.log(square).mean() + 0.5 * (df + 1.0) * tail.mean())


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
