"""How much a Sharpe ratio proves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from runs_app.forecasting.evaluation.sharpe import (
    deflated_sharpe,
    expected_best,
    probabilistic_sharpe,
    sharpe_ratio,
)


def test_the_published_example() -> None:
    """Bailey and Lopez de Prado (2014): 100 tries whose annual Sharpe ratios vary by one half."""
    assert math.sqrt(0.5 / 250) * expected_best(100) == pytest.approx(0.1132, abs=1e-4)


def test_returns_without_skill_give_every_probability_equally_often() -> None:
    rng = np.random.default_rng(0)
    found = [probabilistic_sharpe(rng.standard_t(5, 500)) for _ in range(2000)]
    counts, _ = np.histogram(np.array(found), bins=4, range=(0.0, 1.0))
    assert counts == pytest.approx(500, abs=80)


def test_more_tries_prove_less_and_the_luckiest_of_many_is_worth_nothing() -> None:
    rng = np.random.default_rng(1)
    tries = rng.normal(0.0, 1.0, (200, 400))
    best = tries[np.argmax(tries.mean(1) / tries.std(1))]
    alone, among = deflated_sharpe(best, 1), deflated_sharpe(best, 200)
    assert alone == probabilistic_sharpe(best)
    assert alone > 0.99 > 0.9 > among


def test_what_does_not_vary_has_no_ratio() -> None:
    assert sharpe_ratio(np.zeros(10)) is None
    assert sharpe_ratio(np.full(10, 0.1)) is None
    assert sharpe_ratio(np.array([1.0])) is None
    assert probabilistic_sharpe(np.zeros(10)) is None
    assert deflated_sharpe(np.zeros(1), 3) is None
