"""The tests of significance reject as often as they say, and find what is there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.signal import lfilter

from runs_app.forecasting.evaluation.bootstrap import skill_difference, skill_ratio
from runs_app.forecasting.evaluation.dependence import bandwidth, mean_error
from runs_app.forecasting.evaluation.significance import diebold_mariano


def _autoregression(rng: np.random.Generator, count: int, rho: float) -> np.ndarray:
    return lfilter([1.0], [1.0, -rho], rng.standard_normal(count + 200))[200:]


def test_variance_of_the_mean_is_the_bartlett_sum_written_out() -> None:
    rng = np.random.default_rng(0)
    values = rng.standard_normal(300)
    error = mean_error(values, horizon_bars=4)
    centred, lags = values - values.mean(), error.bandwidth
    total = centred @ centred
    for lag in range(1, lags):
        total += 2.0 * (1.0 - lag / lags) * (centred[lag:] @ centred[:-lag])
    assert error.variance == pytest.approx(total / 300**2)
    assert error.freedom == pytest.approx(1.5 * 300 / lags)


def test_the_bandwidth_covers_the_horizon_and_grows_with_memory() -> None:
    rng = np.random.default_rng(1)
    noise = rng.standard_normal(10_000)
    assert bandwidth(noise, horizon_bars=1) == 130
    assert bandwidth(noise, horizon_bars=500) == 1000
    assert bandwidth(_autoregression(rng, 10_000, 0.98), horizon_bars=1) > 250
    assert bandwidth(noise[:20], horizon_bars=50) == 19


@pytest.mark.parametrize(
    ("rho", "horizon", "count"), [(0.0, 1, 400), (0.8, 1, 2000), (0.0, 12, 1000)]
)
def test_equal_forecasters_are_told_apart_as_rarely_as_stated(
    rho: float, horizon: int, count: int
) -> None:
    """Differences with memory, and of overlapping outcomes; mean zero, so each rejection is one
    too many."""
    rng = np.random.default_rng(2)
    rejections = 0
    for _ in range(600):
        values = _autoregression(rng, count + horizon - 1, rho)
        values = np.convolve(values, np.ones(horizon), mode="valid")
        other = np.abs(rng.standard_normal(count))
        p_value = diebold_mariano(other + values, other, horizon_bars=horizon).p_value
        rejections += p_value < 0.05
    assert 0.02 * 600 < rejections < 0.085 * 600


def test_a_better_forecaster_is_found() -> None:
    rng = np.random.default_rng(3)
    worse = np.square(rng.standard_normal(3000))
    better = worse - 0.1 + 0.5 * rng.standard_normal(3000)
    result = diebold_mariano(better, worse, horizon_bars=1)
    assert result.mean_difference < 0 and result.statistic < -4 and result.p_value < 1e-4
    mirrored = diebold_mariano(worse, better, horizon_bars=1)
    assert mirrored.p_value == pytest.approx(result.p_value)
    assert mirrored.statistic == pytest.approx(-result.statistic)


def test_losses_that_are_the_same_are_not_significant() -> None:
    loss = np.abs(np.random.default_rng(4).standard_normal(50))
    assert diebold_mariano(loss, loss, horizon_bars=1).p_value == 1.0
    assert diebold_mariano(loss, loss * (1 + 1e-15), horizon_bars=1).p_value == 1.0
    assert diebold_mariano(np.zeros(9), np.zeros(9), horizon_bars=3).p_value == 1.0
    assert diebold_mariano(loss[:1], loss[:1] + 1, horizon_bars=1).p_value == 1.0
    assert diebold_mariano(loss[:5], loss[5:10], horizon_bars=5).p_value == 1.0
    constant = diebold_mariano(loss - 0.5, loss, horizon_bars=1)
    assert constant.p_value < 1e-6 and constant.statistic < 0


def test_huge_losses_are_compared_as_small_ones_are() -> None:
    a = np.abs(np.random.default_rng(8).standard_normal(100))
    usual = diebold_mariano(a, 0.5 * a, horizon_bars=1)
    for size in (1e-200, 1e200):
        found = diebold_mariano(size * a, 0.5 * size * a, horizon_bars=1)
        assert found.p_value == pytest.approx(usual.p_value)
        assert found.mean_difference == pytest.approx(size * usual.mean_difference)


def test_the_interval_of_few_rows_is_no_narrower_than_the_test_allows() -> None:
    """Blocks of a quarter of the rows: without the correction 87 in 100 intervals hold zero."""
    rng = np.random.default_rng(9)
    held = 0
    for _ in range(500):
        interval = skill_difference(rng.standard_normal(30), np.zeros(30), horizon_bars=1)
        held += interval.low <= 0.0 <= interval.high
    assert held > 0.9 * 500


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="row by row"):
        diebold_mariano(np.zeros(4), np.zeros(5), horizon_bars=1)
    with pytest.raises(ValueError, match="not finite"):
        diebold_mariano(np.array([1.0, np.inf]), np.zeros(2), horizon_bars=1)


@given(arrays(np.float64, st.integers(2, 40), elements=st.floats(-1e6, 1e6)), st.integers(1, 60))
def test_no_series_gives_anything_but_a_probability(values: np.ndarray, horizon: int) -> None:
    result = diebold_mariano(values, np.zeros(len(values)), horizon_bars=horizon)
    assert 0.0 <= result.p_value <= 1.0


def test_the_interval_of_a_skill_covers_the_truth_and_agrees_with_the_test() -> None:
    rng = np.random.default_rng(5)
    covered = agreed = 0
    for _ in range(200):
        common = np.abs(_autoregression(rng, 1500, 0.7)) + 1.0
        a = 0.95 * common + 0.2 * _autoregression(rng, 1500, 0.5)
        difference = skill_difference(a, common, horizon_bars=1)
        truth = 0.05 * (1.0 + np.sqrt(2.0 / np.pi / (1.0 - 0.49)))
        covered += difference.low <= truth <= difference.high
        p_value = diebold_mariano(a, common, horizon_bars=1).p_value
        agreed += (p_value < 0.05) == (not difference.low <= 0.0 <= difference.high)
    assert covered > 0.88 * 200
    assert agreed > 0.9 * 200


def test_skill_is_one_less_the_ratio_and_repeats() -> None:
    rng = np.random.default_rng(6)
    b = rng.gamma(2.0, 1.0, 5000)
    a = 0.8 * b + rng.normal(0.0, 0.1, 5000)
    skill = skill_ratio(a, b, horizon_bars=3)
    assert skill == skill_ratio(a, b, horizon_bars=3)
    assert skill.value == pytest.approx(1 - a.mean() / b.mean())
    assert skill.low < skill.value < skill.high and skill.high - skill.low < 0.02


def test_skill_of_nothing_is_zero() -> None:
    assert skill_ratio(np.zeros(30), np.zeros(30), horizon_bars=1).high == 0.0
    assert skill_ratio(np.zeros(0), np.zeros(0), horizon_bars=1).value == 0.0
