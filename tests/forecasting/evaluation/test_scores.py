"""Closed forms against numerical integration and against definitions written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from runs_app.forecasting.evaluation.predictive import Family, Predictive
from runs_app.forecasting.evaluation.scores import (
    absolute_error,
    cdf,
    crps,
    inside,
    nll,
    pinball,
    quantile,
    squared_error,
)

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
DF = st.floats(2.05, 100.0)
Z = st.floats(-1e4, 1e4)


def _student(location: float, scale: float, df: float, count: int = 1) -> Predictive:
    return Predictive(
        Family.STUDENT_T,
        np.full(count, location),
        scale=np.full(count, scale),
        df=np.full(count, df),
    )


def _gaussian(location: float, scale: float, count: int = 1) -> Predictive:
    return Predictive(Family.GAUSSIAN, np.full(count, location), scale=np.full(count, scale))


def _integrated_crps(distribution: stats.rv_continuous, y: float) -> float:
    """The definition: the squared distance between the two distribution functions."""
    y = abs(y)  # both distributions are symmetric around 0
    edges = sorted({-30.0, -3.0, 0.0, 3.0, 30.0, y})
    below = [-math.inf, *[edge for edge in edges if edge <= y]]
    above = [*[edge for edge in edges if edge >= y], max(100.0, 10.0 * y), math.inf]
    total = 0.0
    for low, high in zip(below, below[1:], strict=False):
        total += quad(lambda x: distribution.cdf(x) ** 2, low, high, limit=200)[0]
    for low, high in zip(above, above[1:], strict=False):
        total += quad(lambda x: distribution.sf(x) ** 2, low, high, limit=200)[0]
    return total


@pytest.mark.parametrize("df", [2.05, 2.5, 4.0, 30.0, 100.0])
@pytest.mark.parametrize("z", [0.0, 0.3, -1.0, 4.0, -40.0, 5e3])
def test_crps_of_a_student_t_is_the_integral(df: float, z: float) -> None:
    expected = _integrated_crps(stats.t(df), z)
    score = crps(_student(0.001, 0.02, df), np.array([0.001 + 0.02 * z]))
    assert score[0] == pytest.approx(0.02 * expected, rel=1e-6)


@pytest.mark.parametrize("z", [0.0, 0.3, -1.0, 4.0, -40.0, 5e3])
def test_crps_of_a_gaussian_is_the_integral(z: float) -> None:
    score = crps(_gaussian(-0.002, 3e-4), np.array([-0.002 + 3e-4 * z]))
    assert score[0] == pytest.approx(3e-4 * _integrated_crps(stats.norm(), z), rel=1e-7)


@given(DF, Z)
def test_crps_lies_between_its_bounds(df: float, z: float) -> None:
    """Never above the absolute error; below it by half the forecast's distance from itself."""
    score = float(crps(_student(0.0, 1.0, df), np.array([z]))[0])
    at_zero = float(crps(_student(0.0, 1.0, df), np.zeros(1))[0])
    spread = float(stats.t(df).std())
    assert 0.0 < at_zero <= score + 1e-12
    assert abs(z) - spread <= score + 1e-9
    assert score <= abs(z) + at_zero + 1e-9


@given(DF, st.floats(-50.0, 50.0))
def test_slope_of_the_crps_is_twice_the_distribution_function_less_one(df: float, z: float) -> None:
    step = 1e-4
    p = _student(0.0, 1.0, df, 2)
    low, high = crps(p, np.array([z - step, z + step]))
    assert (high - low) / (2 * step) == pytest.approx(2 * stats.t(df).cdf(z) - 1, abs=1e-6)


@given(DF, st.floats(-1e150, 1e150), st.floats(1e-12, 1e3))
def test_no_score_leaves_the_numbers(df: float, y: float, scale: float) -> None:
    p, outcome = _student(0.0, scale, df), np.array([y])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert np.isfinite(nll(p, outcome)).all()
        assert np.isfinite(crps(p, outcome)).all()


def test_crps_of_many_degrees_of_freedom_is_nearly_the_gaussian() -> None:
    y = np.linspace(-6, 6, 101)
    almost = crps(_student(0.0, 1.0, 1e6, 101), y)
    assert almost == pytest.approx(crps(_gaussian(0.0, 1.0, 101), y), abs=1e-5)


@given(DF, st.floats(-1e6, 1e6))
def test_nll_and_pit_agree_with_scipy(df: float, z: float) -> None:
    p, y = _student(0.01, 0.5, df), np.array([0.01 + 0.5 * z])
    reference = stats.t(df, 0.01, 0.5)
    assert nll(p, y)[0] == pytest.approx(-reference.logpdf(y[0]), rel=1e-9, abs=1e-9)
    assert cdf(p, y)[0] == pytest.approx(reference.cdf(y[0]), abs=1e-12)


def test_gaussian_nll_pit_and_quantiles_agree_with_scipy() -> None:
    y = np.array([-0.4, 0.0, 2.0])
    p, reference = _gaussian(0.1, 0.3, 3), stats.norm(0.1, 0.3)
    assert nll(p, y) == pytest.approx(-reference.logpdf(y))
    assert cdf(p, y) == pytest.approx(reference.cdf(y))
    assert quantile(p, 0.05) == pytest.approx(np.full(3, reference.ppf(0.05)))


def test_the_mean_pinball_loss_over_all_levels_is_half_the_crps() -> None:
    p, y = _student(0.0, 1.0, 4.0, 3), np.array([-2.0, 0.1, 5.0])
    levels = tuple((np.arange(4000) + 0.5) / 4000)
    assert 2.0 * pinball(p, y, levels) == pytest.approx(crps(p, y), rel=1e-3)


def test_a_quantile_forecast_is_scored_at_its_own_levels_only() -> None:
    quantiles = np.array([[-2.0, -1.0, 0.0, 1.0, 2.0], [-1.0, -0.5, 0.5, 0.6, 3.0]])
    p = Predictive(Family.QUANTILES, quantiles[:, 2], quantiles=quantiles, levels=LEVELS)
    y = np.array([1.5, -0.75])
    by_hand = [
        (0.05 * 3.5 + 0.25 * 2.5 + 0.5 * 1.5 + 0.75 * 0.5 + 0.05 * 0.5) / 5,
        (0.05 * 0.25 + 0.75 * 0.25 + 0.5 * 1.25 + 0.25 * 1.35 + 0.05 * 3.75) / 5,
    ]
    assert pinball(p, y, LEVELS) == pytest.approx(by_hand)
    assert inside(p, y, 0.5).tolist() == [0.0, 0.0]
    assert inside(p, y, 0.9).tolist() == [1.0, 1.0]
    with pytest.raises(ValueError, match="none at 0.1"):
        quantile(p, 0.1)
    for score in (nll, crps, cdf):
        with pytest.raises(ValueError, match="no density"):
            score(p, y)


def test_a_point_forecast_has_errors_and_nothing_else() -> None:
    p, y = Predictive(Family.POINT, np.array([1.0, 2.0])), np.array([3.0, 1.5], np.float32)
    assert squared_error(p, y).tolist() == [4.0, 0.25]
    assert absolute_error(p, y).dtype == np.float64
    with pytest.raises(ValueError, match="no density"):
        quantile(p, 0.5)


def test_rows_can_be_taken() -> None:
    p = Predictive(
        Family.STUDENT_T, np.arange(4.0), scale=np.arange(4.0) + 1, df=np.arange(4.0) + 3
    )
    taken = p.take(np.array([2, 0]))
    assert taken.location.tolist() == [2.0, 0.0]
    assert taken.scale is not None and taken.scale.tolist() == [3.0, 1.0]
    assert taken.df is not None and taken.df.tolist() == [5.0, 3.0]
    assert len(p.take(np.array([True, False, False, False]))) == 1
