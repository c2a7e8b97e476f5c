"""A forecast that is wrong about its confidence is repaired; one that is right is left alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from runs_app.forecasting.evaluation.calibration import (
    Calibration,
    DirectionCalibration,
    fit_direction,
    fit_scale,
    fit_stretch,
)
from runs_app.forecasting.evaluation.directions import expected_calibration_error, log_loss
from runs_app.forecasting.evaluation.predictive import Family, FloatArray, Predictive
from runs_app.forecasting.evaluation.scores import crps, inside, nll, pinball

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
PRIOR = np.array([0.2, 0.5, 0.3])
ROWS = 4000


def _case(seed: int, wrong: float = 1.0, rows: int = ROWS) -> tuple[Predictive, FloatArray]:
    """Student-t returns with changing scale, and a forecast whose scale is ``wrong`` times it."""
    rng = np.random.default_rng(seed)
    scale = 1e-3 * np.exp(0.5 * rng.standard_normal(rows))
    y = rng.standard_t(5, rows) * scale
    p = Predictive(Family.STUDENT_T, np.zeros(rows), scale=wrong * scale, df=np.full(rows, 5.0))
    return p, y


def _calibration(**values: object) -> Calibration:
    untouched = DirectionCalibration(prior=(0.2, 0.5, 0.3))
    return Calibration.model_validate(
        {"rows": ROWS, "short": untouched, "long": untouched, **values}
    )


def _quantiles(p: Predictive) -> Predictive:
    assert p.scale is not None
    values = p.scale[:, None] * stats.t.ppf(LEVELS, 5)
    return Predictive(Family.QUANTILES, p.location, quantiles=values, levels=LEVELS)


def _drawn(probabilities: FloatArray, seed: int) -> np.ndarray:
    draw = np.random.default_rng(seed).random(len(probabilities))[:, None]
    return np.minimum((draw > probabilities.cumsum(-1)).sum(-1), 2)


@pytest.mark.parametrize("wrong", [0.4, 0.8, 1.3, 2.5])
def test_a_wrong_scale_is_repaired_on_rows_it_was_not_learnt_on(wrong: float) -> None:
    calibration = _calibration(scale=fit_scale(*_case(0, wrong), horizon_bars=1))
    assert calibration.scale == pytest.approx(1 / wrong, rel=0.06)
    p, y = _case(1, wrong)
    repaired = calibration.apply(p)
    assert nll(repaired, y).mean() < nll(p, y).mean()
    assert crps(repaired, y).mean() < crps(p, y).mean()
    assert inside(repaired, y, 0.8).mean() == pytest.approx(0.8, abs=0.03)
    assert np.array_equal(repaired.location, p.location)


def test_right_scales_are_nearly_always_left_as_they_are() -> None:
    factors = np.array([fit_scale(*_case(seed), horizon_bars=1) for seed in range(100)])
    assert (factors == 1.0).mean() > 0.85
    assert np.abs(np.log(factors)).max() < 0.1


def test_few_rows_change_nothing_without_reason() -> None:
    factors = np.array([fit_scale(*_case(seed, rows=20), horizon_bars=1) for seed in range(60)])
    assert (factors == 1.0).mean() > 0.75
    assert fit_scale(*_case(0, 0.1, rows=1), horizon_bars=1) == 1.0


def test_prices_that_stand_still_do_not_narrow_a_density() -> None:
    p, y = _case(2)
    assert fit_scale(p, np.where(np.arange(ROWS) % 4 > 0, 0.0, y), horizon_bars=1) >= 0.25
    assert fit_scale(Predictive(Family.POINT, y), y, horizon_bars=1) == 1.0


def test_quantiles_are_stretched_to_their_coverage() -> None:
    p, y = _case(3, 0.5)
    stretch = fit_stretch(_quantiles(p), y, horizon_bars=1)
    assert stretch[2] == 1.0
    assert [stretch[i] for i in (0, 1, 3, 4)] == pytest.approx([2.0] * 4, rel=0.1)
    calibration = _calibration(stretch=stretch)
    p, y = _case(4, 0.5)
    before, after = _quantiles(p), calibration.apply(_quantiles(p))
    assert pinball(after, y, LEVELS).mean() < pinball(before, y, LEVELS).mean()
    assert inside(after, y, 0.9).mean() == pytest.approx(0.9, abs=0.015)
    assert inside(before, y, 0.9).mean() < 0.75


def test_right_quantiles_are_left_nearly_as_they_are() -> None:
    factors = []
    for seed in range(30):
        p, y = _case(seed)
        factors += fit_stretch(_quantiles(p), y, horizon_bars=1)
    assert np.mean(np.array(factors) == 1.0) > 0.85
    assert np.abs(np.log(factors)).max() < 0.15


def test_stretched_quantiles_stay_in_order() -> None:
    p, _ = _case(5)
    after = _calibration(stretch=(0.3, 2.0, 1.0, 4.0, 0.5)).apply(_quantiles(p))
    assert after.quantiles is not None
    assert (np.diff(after.quantiles, axis=-1) >= 0).all()
    assert np.array_equal(after.quantiles[:, 2], p.location)


def test_boasting_classes_are_cooled_towards_the_prior() -> None:
    rng = np.random.default_rng(6)
    honest = 0.8 * PRIOR + 0.2 * rng.dirichlet(np.ones(3), ROWS)
    boast = honest**4 / PRIOR**3
    boast /= boast.sum(-1, keepdims=True)
    label = _drawn(honest, 7)
    found = fit_direction(boast, label, PRIOR, horizon_bars=1)
    assert found.temperature == pytest.approx(4.0, rel=0.3)
    cooled = found.apply(boast)
    assert cooled.sum(-1) == pytest.approx(1.0)
    other = _drawn(honest, 8)
    assert log_loss(cooled, other).mean() < log_loss(boast, other).mean()
    assert expected_calibration_error(cooled, other) < expected_calibration_error(boast, other)


def test_classes_that_know_nothing_become_the_prior() -> None:
    rng = np.random.default_rng(9)
    noise = rng.dirichlet(PRIOR * 10, ROWS)
    label = _drawn(np.tile(PRIOR, (ROWS, 1)), 10)
    found = fit_direction(noise, label, PRIOR, horizon_bars=1)
    assert found.temperature > 10
    assert found.apply(noise) == pytest.approx(np.tile(PRIOR, (ROWS, 1)), abs=0.08)


def test_honest_classes_keep_their_temperature() -> None:
    kept = []
    for seed in range(60):
        honest = np.random.default_rng(seed).dirichlet(np.ones(3), 500)
        kept.append(fit_direction(honest, _drawn(honest, seed + 100), PRIOR, horizon_bars=1))
    temperatures = np.array([one.temperature for one in kept])
    assert (temperatures == 1.0).mean() > 0.85
    assert np.abs(np.log(temperatures)).max() < 0.5


def test_a_calibration_survives_its_way_through_json() -> None:
    calibration = _calibration(scale=1.0 / 3.0, stretch=(1.1, 1.0, 1.0, 0.9, math.pi))
    assert Calibration.model_validate_json(calibration.model_dump_json()) == calibration
    point = Predictive(Family.POINT, np.zeros(3))
    assert calibration.apply(point) is point
