"""The sentences below the verdict."""

from __future__ import annotations

import numpy as np
import pytest

from runs_app.forecasting.evaluation.directions import ClassScores, HitRate
from runs_app.forecasting.evaluation.documents import (
    Comparison,
    Outcome,
    TradingCheck,
    TradingResult,
    TradingRule,
)
from runs_app.forecasting.evaluation.remarks import (
    classes_words,
    coverage_words,
    direction_words,
    trading_words,
    tries_words,
)
from runs_app.forecasting.evaluation.report import Coverage


@pytest.mark.parametrize(
    ("low", "high", "coin"),
    [(0.498, 0.526, "coin flip inside"), (0.502, 0.53, "coin flip below it"),
     (0.45, 0.49, "coin flip above it")],
)  # fmt: skip
def test_a_hit_rate_never_stands_alone(low: float, high: float, coin: str) -> None:
    hits = HitRate(0.512, low, high, 0.5, 0.509, 1000)
    assert direction_words(hits) == (
        f"Direction hit rate 51.2 % (95 % interval {100 * low:.1f}-{100 * high:.1f}; {coin}; "
        "always saying the commoner direction gives 50.9 %)."
    )
    assert direction_words(None).startswith("No direction is forecast")


@pytest.mark.parametrize(
    ("loss", "p_value", "words"),
    [(1.05, 0.001, "beats the"), (1.05, 0.3, "ties with the"), (1.2, 0.001, "loses to the")],
)
def test_a_direction_is_measured_by_the_training_shares(
    loss: float, p_value: float, words: str
) -> None:
    classes = ClassScores(
        f1=0.3, shares=(0.3, 0.4, 0.3), prior=(0.3, 0.4, 0.3), log_loss=loss, prior_log_loss=1.1,
        log_loss_p_value=p_value, brier=0.6, prior_brier=0.6, brier_skill=0.0, ece=0.0,
        prior_ece=0.0, accuracy=0.4, prior_accuracy=0.4,
    )  # fmt: skip
    sentence = classes_words("short", classes)
    assert sentence.startswith(f"The short direction {words} shares of the training part: ")
    assert f"log-loss {loss:.4f} against 1.1000 (p = " in sentence


def result(rule: TradingRule, **changes: float | None) -> TradingResult:
    values = {
        "trades": 34, "turnover": 50.0, "exposure": 0.2, "gross_log_return": 0.02,
        "net_log_return": -0.041, "sharpe": -0.8, "max_drawdown": 0.1, "break_even_bps": 3.1,
        "probabilistic_sharpe": 0.2, "deflated_sharpe": 0.034, **changes,
    }  # fmt: skip
    return TradingResult(rule=rule, **values)


def check(threshold: TradingResult, sign: TradingResult, tries: int = 7) -> TradingCheck:
    return TradingCheck(
        fee_bps=10.0,
        slippage_bps=2.0,
        tries=tries,
        periods=1000,
        periods_per_year=8766.0,
        delayed_fills=0,
        results=(threshold, sign, result(TradingRule.BUY_AND_HOLD, net_log_return=0.312)),
    )


def test_the_result_after_costs() -> None:
    sign = result(TradingRule.SIGN)
    words = trading_words(check(result(TradingRule.THRESHOLD), sign))
    assert words == (
        "After costs of 12 bp per side, 34 trades come to a log-return of -0.041 (buy and hold "
        "+0.312); it breaks even at 3.1 bp per side. Sharpe ratio -0.80 a year, real with a "
        "probability of 3 % (deflated for 7 tries on this data set)."
    )
    losing = trading_words(check(result(TradingRule.THRESHOLD, break_even_bps=-2.0), sign, tries=1))
    assert "it loses even without costs. Sharpe" in losing
    patient = trading_words(check(result(TradingRule.THRESHOLD, break_even_bps=1234.5), sign))
    assert "it breaks even at 1,234 bp per side" in patient
    assert "deflated for one try on this data set" in losing


def test_never_trading_is_said() -> None:
    idle = result(
        TradingRule.THRESHOLD, trades=0, break_even_bps=None, sharpe=None, deflated_sharpe=None
    )
    assert trading_words(check(idle, result(TradingRule.SIGN, break_even_bps=0.42))) == (
        "At 12 bp per side no forecast was worth a trade. Following every sign instead breaks even "
        "at 0.42 bp per side."
    )
    still = result(TradingRule.SIGN, trades=0, break_even_bps=None)
    assert trading_words(check(idle, still)) == "At 12 bp per side no forecast was worth a trade."


def win(p_value: float, outcome: Outcome = Outcome.BEATS) -> Comparison:
    return Comparison(
        baseline="garch", score="crps", model=1.0, reference=1.1, skill=0.1, skill_low=0.0,
        skill_high=0.2, statistic=-3.0, p_value=p_value, outcome=outcome,
    )  # fmt: skip


def test_tries_are_held_against_a_win() -> None:
    assert tries_words([win(0.002)], 1) is None
    assert tries_words([win(0.5, Outcome.TIES)], 9) == "This is try 9 on this data set."
    assert tries_words([win(0.0001), win(0.0004)], 10) == (
        "This is try 10 on this data set: corrected for that (Bonferroni), p = 0.0040 against "
        "GARCH(1,1)-t; the win stands."
    )
    assert "so many tries may have made the win" in str(tries_words([win(0.002)], 10))


def test_coverage_of_one_forecaster() -> None:
    rows = [
        Coverage(forecaster=name, nominal=nominal, covered=nominal + 0.01, low=0.0, high=1.0)
        for name in ("model", "garch")
        for nominal in np.array([0.5, 0.8, 0.95])
    ]
    words = "The intervals of 50, 80 and 95 % held 51.0, 81.0 and 96.0 % of the outcomes."
    assert coverage_words(rows, "model") == words
    assert coverage_words(rows, "random_walk") is None
