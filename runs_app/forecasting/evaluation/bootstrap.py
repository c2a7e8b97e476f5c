"""Intervals of a skill by a circular block bootstrap (Politis and Romano, 1992)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

from runs_app.forecasting.evaluation.dependence import mean_error
from runs_app.forecasting.evaluation.predictive import FloatArray

RESAMPLES = 2000
SEED = 20_260_101
"""Of the resamples: the same losses always give the same interval."""


@dataclass(frozen=True)
class Skill:
    """How much lower loss a is than loss b, with a 95 % interval."""

    value: float
    low: float
    high: float


def skill_ratio(loss_a: FloatArray, loss_b: FloatArray, *, horizon_bars: int) -> Skill:
    """1 - mean(a) / mean(b) of losses [N] that cannot be negative; zero where both are zero."""
    return _interval(loss_a, loss_b, horizon_bars=horizon_bars, as_ratio=True)


def skill_difference(loss_a: FloatArray, loss_b: FloatArray, *, horizon_bars: int) -> Skill:
    """mean(b) - mean(a) of losses [N] whose zero means nothing, such as the NLL."""
    return _interval(loss_a, loss_b, horizon_bars=horizon_bars, as_ratio=False)


def _interval(
    loss_a: FloatArray, loss_b: FloatArray, *, horizon_bars: int, as_ratio: bool
) -> Skill:
    """Blocks are as long as the HAC bandwidth of the difference, so test and interval agree.

    Few long blocks vary less than what they are drawn from: the ends are moved away from the skill
    by the quantile of the test's t distribution over that of a normal one.
    Rows are never gathered: the sums of all N blocks come from running totals, and a resample adds
    up about N / length of them.
    """
    a, b = np.asarray(loss_a, np.float64), np.asarray(loss_b, np.float64)
    count = len(a)
    if count == 0:
        return Skill(0.0, 0.0, 0.0)
    error = mean_error(a - b, horizon_bars=horizon_bars)
    length = error.bandwidth
    blocks = max(1, round(count / length))
    starts = np.random.default_rng(SEED).integers(0, count, (RESAMPLES, blocks))
    means_a = _block_means(a, length)[starts].mean(axis=1)
    means_b = _block_means(b, length)[starts].mean(axis=1)
    values = _skill(means_a, means_b, as_ratio=as_ratio)
    value = _skill(np.array([a.mean()]), np.array([b.mean()]), as_ratio=as_ratio)[0]
    wider = stdtrit(error.freedom, 0.975) / ndtri(0.975)
    low, high = value + wider * (np.quantile(values, [0.025, 0.975]) - value)
    return Skill(float(value), float(low), float(high))


def _block_means(loss: FloatArray, length: int) -> FloatArray:
    """Mean of each of the N circular blocks of this length [N]."""
    total = np.cumsum(np.concatenate([np.zeros(1), loss, loss[: length - 1]]))
    means: FloatArray = (total[length:] - total[:-length]) / length
    return means


def _skill(mean_a: FloatArray, mean_b: FloatArray, *, as_ratio: bool) -> FloatArray:
    if not as_ratio:
        return mean_b - mean_a
    positive = mean_b > 0.0
    ratio: FloatArray = np.where(
        positive, 1.0 - mean_a / np.where(positive, mean_b, 1.0), np.where(mean_a > 0.0, -1.0, 0.0)
    )
    return ratio
