"""What acting on the forecasts would have earned after costs, without hindsight.

A decision taken at the close of its bar is filled at the open of the next bar that exists, never
at the close it was decided on. Where the next bar is missing, the order waits for the first price
after the hole and the old position bears the hole's move. A position is minus one, zero or plus one
times the equity, and stands until the next decision changes it; the last decision only closes it.
Costs are taken off the log-return: basis points per side times the change of position. Holding a
short at minus one times the equity from bar to bar is not charged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from runs_app.forecasting.evaluation.documents import TradingCheck, TradingResult, TradingRule
from runs_app.forecasting.evaluation.sharpe import (
    deflated_sharpe,
    probabilistic_sharpe,
    sharpe_ratio,
)

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

BASIS_POINT = 1e-4
YEAR_MS = 365.25 * 86_400_000.0
LEAST_LEFT = 0.01
"""Share of its equity that a short keeps when the price more than doubles between two fills."""


@dataclass(frozen=True)
class Fills:
    """Where N decisions in order of time are filled; all arrays [N].

    ``time`` is in ms UTC, ``price`` as in the file, ``delayed`` marks fills after a missing bar.
    """

    time: Int64Array
    price: FloatArray
    delayed: npt.NDArray[np.bool_]

    @classmethod
    def at_next_open(
        cls,
        decision_bar: Int64Array,
        *,
        open_time: Int64Array,
        available_at: Int64Array,
        open_price: FloatArray,
    ) -> Self:
        """Fills of decisions at the closes of ``decision_bar`` [N], strictly ascending.

        The other arrays hold all bars; the last bar can take no decision, for nothing follows it.
        """
        following = decision_bar + 1
        return cls(
            time=open_time[following],
            price=open_price[following],
            delayed=open_time[following] > available_at[decision_bar],
        )

    @property
    def periods_per_year(self) -> float:
        """Periods in a year of 365.25 days, counted on the clock: nights and holes are time too."""
        return (len(self.time) - 1) * YEAR_MS / float(self.time[-1] - self.time[0])


@dataclass(frozen=True)
class Account:
    """Log-returns per period [N-1], from each fill to the next, and changes of position [N]."""

    gross: FloatArray
    net: FloatArray
    change: FloatArray
    held: FloatArray


def simulate(position: FloatArray, fills: Fills, *, cost: float) -> Account:
    """Hold ``position`` [N] (-1, 0 or +1) from its fill to the next; ``cost`` is a share per side.

    The last position is not taken: the last fill closes whatever is open.
    """
    held = position[:-1]
    move = fills.price[1:] / fills.price[:-1] - 1.0
    gross = np.log1p(np.maximum(held * move, LEAST_LEFT - 1.0))
    change = np.abs(np.diff(held, prepend=0.0, append=0.0))
    net = gross - cost * change[:-1]
    net[-1] -= cost * change[-1]
    return Account(gross, net, change, held)


def positions(rule: TradingRule, mean: FloatArray, *, cost: float) -> FloatArray:
    """The position [N] that a rule takes on forecast means [N] (log-returns)."""
    if rule is TradingRule.BUY_AND_HOLD:
        return np.ones(len(mean))
    if rule is TradingRule.SIGN:
        return np.sign(mean)
    return np.where(np.abs(mean) > cost, np.sign(mean), 0.0)


def accounts(mean: FloatArray, fills: Fills, *, cost: float) -> dict[TradingRule, Account]:
    """Every rule acted out on forecast means [N] (log-returns), N at least 3."""
    return {
        rule: simulate(positions(rule, mean, cost=cost), fills, cost=cost) for rule in TradingRule
    }


def trading_check(
    account: dict[TradingRule, Account],
    fills: Fills,
    *,
    fee_bps: float,
    slippage_bps: float,
    tries: int,
) -> TradingCheck:
    """The figures of every rule, the Sharpe ratios deflated by ``tries`` (this one included)."""
    per_year = fills.periods_per_year
    return TradingCheck(
        fee_bps=fee_bps,
        slippage_bps=slippage_bps,
        tries=tries,
        periods=len(fills.time) - 1,
        periods_per_year=per_year,
        delayed_fills=int(fills.delayed.sum()),
        results=tuple(_result(rule, one, per_year, tries) for rule, one in account.items()),
    )


def _result(rule: TradingRule, account: Account, per_year: float, tries: int) -> TradingResult:
    turnover = float(account.change.sum())
    gross = float(account.gross.sum())
    ratio = sharpe_ratio(account.net)
    return TradingResult(
        rule=rule,
        trades=int(np.count_nonzero(account.change)),
        turnover=turnover,
        exposure=float(np.mean(account.held != 0.0)),
        gross_log_return=gross,
        net_log_return=float(account.net.sum()),
        sharpe=None if ratio is None else ratio * float(np.sqrt(per_year)),
        max_drawdown=max_drawdown(account.net),
        break_even_bps=gross / turnover / BASIS_POINT if turnover else None,
        probabilistic_sharpe=probabilistic_sharpe(account.net),
        deflated_sharpe=deflated_sharpe(account.net, tries),
    )


def max_drawdown(log_returns: FloatArray) -> float:
    """Largest loss from a peak (the start counts as one), as a share of the peak, of [N]."""
    wealth = np.concatenate([[0.0], np.cumsum(log_returns)])
    return abs(float(np.expm1(np.min(wealth - np.maximum.accumulate(wealth)))))
