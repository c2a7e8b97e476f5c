"""Scores of N forecasts, one number per row, in float64; lower is better throughout.

Returns are log-returns, so CRPS, pinball loss and absolute error are in log-returns, the squared
error in their square, and the NLL in nats of a density per log-return. Closed forms of the CRPS:
Jordan, Krueger and Lerch, *Evaluating Probabilistic Forecasts with scoringRules*, Journal of
Statistical Software 90 (2019).
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import betaln, gammaln, ndtr, ndtri, stdtr, stdtrit

from runs_app.forecasting.evaluation.predictive import Family, FloatArray, Predictive

LOG_2_PI = math.log(2.0 * math.pi)


def nll(p: Predictive, y: FloatArray) -> FloatArray:
    """Negative log density of ``y`` [N] -> [N]. Raises ``ValueError`` without a density."""
    scale, df = _density(p)
    z = (_float64(y) - p.location) / scale
    if df is None:
        return 0.5 * z * z + np.log(scale) + 0.5 * LOG_2_PI
    return np.log(scale) - _log_t_peak(df) + 0.5 * (df + 1.0) * _log1p_square(z, df)


def crps(p: Predictive, y: FloatArray) -> FloatArray:
    """Continuous ranked probability score of ``y`` [N] -> [N]. Raises ``ValueError`` likewise.

    The mean absolute distance of the forecast from the outcome, less half its distance from
    itself: for a point forecast it would be the absolute error.
    """
    scale, df = _density(p)
    z = np.abs(_float64(y) - p.location) / scale
    if df is None:
        density = np.exp(-0.5 * (z * z + LOG_2_PI))
        inner = 2.0 * density - 1.0 / math.sqrt(math.pi)
        return np.asarray(scale * (z * (1.0 - 2.0 * ndtr(-z)) + inner))
    # f(z) (df + z^2) in one exponential, so that neither factor leaves the range of floats.
    spread = np.exp(_log_t_peak(df) + np.log(df) - 0.5 * (df - 1.0) * _log1p_square(z, df))
    ratio = np.exp(betaln(0.5, df - 0.5) - 2.0 * betaln(0.5, 0.5 * df))
    inner = (2.0 * spread - 2.0 * np.sqrt(df) * ratio) / (df - 1.0)
    score: FloatArray = scale * (z * (1.0 - 2.0 * stdtr(df, -z)) + inner)
    return score


def pinball(p: Predictive, y: FloatArray, levels: tuple[float, ...]) -> FloatArray:
    """Pinball loss of ``y`` [N], the mean over ``levels`` -> [N]."""
    total = np.zeros(len(p))
    for level in levels:
        error = _float64(y) - quantile(p, level)
        total += np.maximum(level * error, (level - 1.0) * error)
    return total / len(levels)


def squared_error(p: Predictive, y: FloatArray) -> FloatArray:
    """Squared distance of ``y`` [N] from the mean -> [N]; it is the location where not given."""
    error: FloatArray = np.square(_float64(y) - (p.location if p.mean is None else p.mean))
    return error


def absolute_error(p: Predictive, y: FloatArray) -> FloatArray:
    """Distance of ``y`` [N] from the location, the median of every family here -> [N]."""
    error: FloatArray = np.abs(_float64(y) - p.location)
    return error


def cdf(p: Predictive, y: FloatArray) -> FloatArray:
    """Probability of an outcome of at most ``y`` [N] -> [N]: the probability integral transform.

    Raises ``ValueError`` where the forecast has no density.
    """
    scale, df = _density(p)
    z = (_float64(y) - p.location) / scale
    share: FloatArray = ndtr(z) if df is None else stdtr(df, z)
    return share


def quantile(p: Predictive, level: float) -> FloatArray:
    """The quantile of each forecast at ``level`` -> [N].

    Raises ``ValueError`` for a point forecast, and for a level a quantile forecast does not have.
    """
    if p.family is Family.QUANTILES:
        if p.quantiles is None or level not in p.levels:
            known = ", ".join(f"{known:g}" for known in p.levels)
            raise ValueError(f"the forecast has the quantiles {known}, and none at {level:g}")
        return p.quantiles[:, p.levels.index(level)]
    scale, df = _density(p)
    if level == 0.5:
        return p.location
    standard = ndtri(level) if df is None else stdtrit(_shared(df), level)
    value: FloatArray = p.location + scale * standard
    return value


def _shared(df: FloatArray) -> FloatArray | float:
    """One number where all rows [N] have the same: the inverse of the Student-t is slow."""
    return float(df[0]) if len(df) and bool((df == df[0]).all()) else df


def can_quantile(p: Predictive, level: float) -> bool:
    """True where ``quantile(p, level)`` can be had."""
    return p.has_density or level in p.levels


def inside(p: Predictive, y: FloatArray, coverage: float) -> FloatArray:
    """1 where ``y`` [N] lies in the central interval of this nominal coverage, else 0 -> [N]."""
    tail = round(0.5 * (1.0 - coverage), 12)
    low, high = quantile(p, tail), quantile(p, round(1.0 - tail, 12))
    value = _float64(y)
    return ((value >= low) & (value <= high)).astype(np.float64)


def _density(p: Predictive) -> tuple[FloatArray, FloatArray | None]:
    if not p.has_density or p.scale is None:
        raise ValueError(f"a {p.family.value} forecast has no density")
    if p.family is Family.STUDENT_T and p.df is None:
        raise ValueError("the forecast has no degrees of freedom, so no Student-t density")
    if p.df is None or p.family is Family.GAUSSIAN:
        return p.scale, None
    # A baseline has the same shape everywhere: its special functions are then computed once.
    return p.scale, p.df[:1] if bool((p.df == p.df[:1]).all()) else p.df


def _log_t_peak(df: FloatArray) -> FloatArray:
    """Log density of the standard Student-t at 0 [N]."""
    peak: FloatArray = gammaln(0.5 * (df + 1.0)) - gammaln(0.5 * df) - 0.5 * np.log(math.pi * df)
    return peak


def _log1p_square(z: FloatArray, df: FloatArray) -> FloatArray:
    """log(1 + z^2 / df) [N], also where z^2 leaves the range of floats."""
    root = np.abs(z) / np.sqrt(df)
    logarithm: FloatArray = np.where(
        root < 1e100, np.log1p(np.square(np.minimum(root, 1e100))), 2.0 * np.log(root + 1e-300)
    )
    return logarithm


def _float64(y: FloatArray) -> FloatArray:
    return np.asarray(y, dtype=np.float64)
