"""Acting on forecasts: by hand, one bar late, and after costs."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs_app.forecasting.evaluation.documents import TradingCheck, TradingResult, TradingRule
from runs_app.forecasting.evaluation.trading import (
    Fills,
    accounts,
    max_drawdown,
    positions,
    simulate,
    trading_check,
)

MINUTE = 60_000


def fills_of(
    opens: list[float] | npt.NDArray[np.float64], missing: tuple[int, ...] = ()
) -> tuple[Fills, npt.NDArray[np.int64]]:
    """Bars of a minute with these opens but for the missing; a decision at each but the last."""
    kept = np.array([i for i in range(len(opens)) if i not in missing])
    decision_bar = np.arange(len(kept) - 1)
    fills = Fills.at_next_open(
        decision_bar,
        open_time=kept * MINUTE,
        available_at=(kept + 1) * MINUTE,
        open_price=np.asarray(opens, dtype=float)[kept],
    )
    return fills, decision_bar


def check(
    mean: npt.NDArray[np.float64], fills: Fills, *, fee: float = 10.0, slip: float = 2.0
) -> TradingCheck:
    done = accounts(mean, fills, cost=(fee + slip) * 1e-4)
    return trading_check(done, fills, fee_bps=fee, slippage_bps=slip, tries=1)


def row(mean: npt.NDArray[np.float64], fills: Fills, **costs: float) -> TradingResult:
    return check(mean, fills, **costs).result(TradingRule.SIGN)


def noise(count: int, seed: int) -> npt.NDArray[np.float64]:
    return 100.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, 1e-3, count)))


def test_an_example_by_hand() -> None:
    fills, _ = fills_of([99.0, 100.0, 110.0, 99.0, 99.0])
    assert fills.price.tolist() == [100.0, 110.0, 99.0, 99.0]  # four decisions, three periods
    account = simulate(np.array([1.0, -1.0, 0.0, 1.0]), fills, cost=0.001)
    assert account.gross == pytest.approx([math.log(1.1), math.log(1.1), 0.0])
    assert account.change.tolist() == [1.0, 2.0, 1.0, 0.0]
    assert account.net == pytest.approx(account.gross - [0.001, 0.002, 0.001])


def test_the_last_fill_closes_and_is_paid_for() -> None:
    fills, _ = fills_of([99.0, 100.0, 110.0, 121.0])
    account = simulate(np.array([1.0, 1.0, -1.0]), fills, cost=0.001)
    assert account.change.tolist() == [1.0, 0.0, 1.0]
    assert account.net.sum() == pytest.approx(math.log(1.21) - 0.002)


def test_a_reversal_turns_over_twice_the_equity_and_is_one_trade() -> None:
    fills, _ = fills_of([1.0, 1.0, 1.0, 1.0])
    result = row(np.array([1.0, -1.0, -1.0]), fills)
    assert (result.turnover, result.trades) == (4.0, 3)
    assert result.net_log_return == pytest.approx(-4.0 * 12e-4)


def test_knowing_the_return_of_the_bar_just_closed_earns_nothing_from_it() -> None:
    opens = noise(200_001, seed=1)
    fills, decision_bar = fills_of(opens)
    closed = np.log(opens[decision_bar + 1] / opens[decision_bar])  # this close is the next open
    late = row(closed, fills, fee=0.0, slip=0.0)
    assert late.sharpe is not None and late.gross_log_return is not None
    assert abs(late.gross_log_return) < 4.0 * 1e-3 * math.sqrt(200_000)
    ahead = np.append(np.log(opens[2:] / opens[1:-1]), 0.0)  # a prophet, for scale
    assert row(ahead, fills, fee=0.0, slip=0.0).gross_log_return > 100.0


def test_the_close_decided_on_is_no_price_to_trade_at() -> None:
    """The price jumps between each close and the next open, and only there: nobody can have it."""
    open_price = np.array([100.0, 110.0, 121.0, 133.1])
    fills = Fills.at_next_open(
        np.array([0, 1, 2]),
        open_time=np.arange(4) * MINUTE,
        available_at=np.arange(1, 5) * MINUTE,
        open_price=open_price,
    )
    assert fills.price.tolist() == [110.0, 121.0, 133.1]
    assert not fills.delayed.any()


def test_a_hole_delays_the_fill_and_the_old_position_bears_it() -> None:
    fills, _ = fills_of([100.0, 100.0, 90.0, 80.0, 80.0], missing=(2,))
    assert fills.delayed.tolist() == [False, True, False]
    account = simulate(np.array([1.0, -1.0, -1.0]), fills, cost=0.0)
    assert account.gross == pytest.approx([math.log(0.8), 0.0])  # long from 100 to 80 over the hole


def test_without_costs_net_is_gross_and_costs_are_turnover_times_cost() -> None:
    fills, decision_bar = fills_of(noise(5000, seed=2))
    mean = np.random.default_rng(3).normal(0.0, 1e-3, len(decision_bar))
    for result in check(mean, fills, fee=0.0, slip=0.0).results:
        assert result.net_log_return == pytest.approx(result.gross_log_return, abs=1e-12)
    for result in check(mean, fills).results:
        paid = result.gross_log_return - result.net_log_return
        assert paid == pytest.approx(result.turnover * 12e-4)


def test_at_the_break_even_cost_nothing_is_left() -> None:
    opens = noise(3000, seed=4)
    fills, _ = fills_of(opens)
    mean = np.append(np.log(opens[2:] / opens[1:-1]), 0.0)
    level = row(mean, fills).break_even_bps
    assert level is not None and level > 0.0
    assert row(mean, fills, fee=level - 2.0, slip=2.0).net_log_return == pytest.approx(
        0.0, abs=1e-9
    )
    assert row(-mean, fills).break_even_bps < 0.0  # always wrong: no fee is low enough


def test_the_threshold_rule_stays_out_when_no_forecast_pays_a_fill() -> None:
    mean = np.array([0.0011, -0.0013, 0.0, 0.0013])
    assert positions(TradingRule.THRESHOLD, mean, cost=12e-4).tolist() == [0, -1, 0, 1]
    assert positions(TradingRule.SIGN, mean, cost=12e-4).tolist() == [1, -1, 0, 1]
    fills, decision_bar = fills_of(noise(100, seed=5))
    result = check(np.full(len(decision_bar), 1e-4), fills).result(TradingRule.THRESHOLD)
    assert (result.trades, result.turnover, result.exposure) == (0, 0.0, 0.0)
    assert result.sharpe is result.break_even_bps is result.deflated_sharpe is None
    assert result.net_log_return == 0.0


def test_buy_and_hold_is_the_price_less_two_fills() -> None:
    opens = noise(1000, seed=6)
    fills, decision_bar = fills_of(opens)
    held = check(np.zeros(len(decision_bar)), fills).result(TradingRule.BUY_AND_HOLD)
    assert held.net_log_return == pytest.approx(math.log(opens[-1] / opens[1]) - 2 * 12e-4)
    assert (held.trades, held.exposure) == (2, 1.0)


def test_a_short_cannot_lose_more_than_it_has() -> None:
    fills, _ = fills_of([1.0, 1.0, 5.0, 5.0])
    account = simulate(np.array([-1.0, -1.0, -1.0]), fills, cost=0.0)
    assert account.gross[0] == pytest.approx(math.log(0.01))


def test_periods_per_year_are_those_of_the_clock() -> None:
    assert fills_of(noise(100, seed=7))[0].periods_per_year == pytest.approx(365.25 * 1440)
    night = fills_of(noise(100, seed=7), missing=tuple(range(40, 60)))[0]
    assert night.periods_per_year < 365.25 * 1440


def test_drawdown_starts_from_the_first_penny() -> None:
    assert max_drawdown(np.log([0.9, 1.2, 0.5, 1.1])) == pytest.approx(0.5)
    assert max_drawdown(np.log([0.9, 2.0])) == pytest.approx(0.1)
    assert max_drawdown(np.log([1.1, 1.1])) == 0.0


@given(
    moves=st.lists(st.floats(-0.2, 0.2), min_size=8, max_size=40),
    means=st.lists(st.sampled_from([-0.01, 0.0, 0.01]), min_size=40, max_size=40),
    known=st.integers(0, 4),
)
def test_what_comes_later_changes_nothing_earlier(
    moves: list[float], means: list[float], known: int
) -> None:
    """Until the fill after ``known`` only the decisions up to it and the prices so far count."""
    opens = 100.0 * np.exp(np.cumsum(moves))
    fills, decision_bar = fills_of(opens)
    mean = np.array(means[: len(decision_bar)])
    later_mean, later_opens = mean.copy(), opens.copy()
    later_mean[known + 1 :] = 0.01 - later_mean[known + 1 :]
    later_opens[known + 3 :] *= 2.0  # decision ``known`` is held from open known + 1 to known + 2
    later, _ = fills_of(later_opens)
    for rule in TradingRule:
        one = simulate(positions(rule, mean, cost=1e-3), fills, cost=1e-3)
        other = simulate(positions(rule, later_mean, cost=1e-3), later, cost=1e-3)
        assert one.gross[: known + 1] == pytest.approx(other.gross[: known + 1])
        assert one.net[: known + 1] == pytest.approx(other.net[: known + 1])
        assert one.net.sum() == pytest.approx(one.gross.sum() - 1e-3 * one.change.sum())
