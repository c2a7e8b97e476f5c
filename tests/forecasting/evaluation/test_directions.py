"""Hit rates with honest intervals, and class probabilities against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_f1_score

from runs_app.forecasting.evaluation.directions import (
    class_prior,
    class_scores,
    expected_calibration_error,
    hit_rate,
    log_loss,
    macro_f1,
)


def test_unmoved_prices_have_no_direction_and_a_mean_of_zero_names_none() -> None:
    rate = hit_rate(
        np.array([1.0, -1.0, 1.0, 1.0, 0.0]), np.array([2.0, 1.0, 0.0, 3.0, -1.0]), horizon_bars=1
    )
    assert rate is not None
    assert rate.rate == pytest.approx(2 / 3)
    assert rate.moves == 3 and rate.coin == 0.5 and rate.majority == 1.0
    assert hit_rate(np.ones(5), np.zeros(5), horizon_bars=1) is None
    assert hit_rate(np.zeros(5), np.ones(5), horizon_bars=1) is None


@pytest.mark.parametrize("horizon", [1, 10])
def test_a_coin_lies_inside_the_interval_of_guesses(horizon: int) -> None:
    """Guesses with memory on overlapping outcomes: an interval for independent rows would fail."""
    rng = np.random.default_rng(0)
    covered = naive = 0
    for _ in range(300):
        returns = np.convolve(rng.standard_normal(1500 + horizon), np.ones(horizon), mode="valid")
        guesses = np.convolve(rng.standard_normal(1500 + horizon), np.ones(horizon), mode="valid")
        rate = hit_rate(guesses, returns, horizon_bars=horizon)
        assert rate is not None
        covered += rate.low <= 0.5 <= rate.high
        naive += abs(rate.rate - 0.5) <= 1.96 * 0.5 / np.sqrt(len(returns))
    assert covered > 0.91 * 300
    assert horizon == 1 or naive < 0.8 * 300


def test_the_interval_never_ends_in_a_point() -> None:
    rate = hit_rate(np.ones(30), np.ones(30), horizon_bars=5)
    assert rate is not None
    assert rate.rate == 1.0 and rate.high == 1.0 and rate.low < 0.7


def test_macro_f1_agrees_with_torchmetrics() -> None:
    rng = np.random.default_rng(1)
    label = rng.integers(0, 3, 400)
    predicted = np.where(rng.random(400) < 0.4, label, rng.integers(0, 3, 400))
    expected = multiclass_f1_score(
        torch.from_numpy(predicted), torch.from_numpy(label), num_classes=3, average="macro"
    )
    assert macro_f1(predicted, label) == pytest.approx(float(expected), abs=1e-6)
    two = np.array([0, 0, 2, 2])
    assert macro_f1(two, two) == 1.0


def test_class_scores_by_hand() -> None:
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]])
    label = np.array([0, 1, 0])
    scores = class_scores(probabilities, label, np.array([0.5, 0.25, 0.25]), horizon_bars=1)
    assert scores.log_loss == pytest.approx(-np.log([0.7, 0.8, 0.3]).mean())
    assert scores.brier == pytest.approx((0.14 + 0.06 + 0.74) / 3)
    assert scores.prior_brier == pytest.approx((0.375 + 0.875 + 0.375) / 3)
    assert scores.shares == pytest.approx((2 / 3, 1 / 3, 0.0))
    assert scores.accuracy == pytest.approx(2 / 3) == scores.prior_accuracy
    assert scores.prior_log_loss == pytest.approx(-np.log([0.5, 0.25, 0.5]).mean())


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    rng = np.random.default_rng(2)
    honest = rng.dirichlet(np.ones(3), 40_000)
    label = (rng.random(40_000)[:, None] > honest.cumsum(-1)).sum(-1)
    assert expected_calibration_error(honest, label) < 0.02
    boasting = np.tile([0.98, 0.01, 0.01], (1000, 1))
    assert expected_calibration_error(boasting, np.arange(1000) % 2) == pytest.approx(0.48)


def test_what_was_never_seen_is_not_impossible() -> None:
    prior = class_prior(np.array([0] * 7 + [2] * 10))
    assert prior == pytest.approx([0.4, 0.05, 0.55])
    assert np.isfinite(log_loss(np.array([[1.0, 0.0, 0.0]]), np.array([1]))).all()
