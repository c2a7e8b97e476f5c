"""What is said about a finished run, as frozen records: in ``metrics.json``, in events, on pages.

This module imports neither torch nor Django.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen record that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Outcome(StrEnum):
    """How a model compares with a baseline, after a test of significance."""

    BEATS = "beats"
    TIES = "ties"
    LOSES = "loses"


BASELINES: dict[str, str] = {
    "random_walk": "random walk",
    "constant": "constant mean and variance",
    "ewma": "EWMA volatility",
    "garch": "GARCH(1,1)-t",
}
"""Names of the baselines in keys, and in words."""


class Comparison(Record):
    """The model against one baseline on exactly the same test rows, by one proper score."""

    baseline: str
    """A key of ``BASELINES``."""
    score: str
    """``crps``, ``nll``, ``pinball`` or ``squared_error``; lower is better."""
    model: float
    reference: float
    """Mean score of the model and of the baseline."""
    skill: float
    """1 - model / reference; for the NLL, whose zero means nothing, reference - model in nats."""
    skill_low: float
    skill_high: float
    """95 % interval of the skill by a block bootstrap."""
    statistic: float
    p_value: float
    """Diebold-Mariano, two-sided, HAC variance, small-sample correction of Harvey et al. (1997)."""
    outcome: Outcome


class Verdict(Record):
    """The first thing said about a finished run. It cannot be switched off."""

    outcome: Outcome
    """``beats`` only when every baseline is beaten; ``loses`` when any of them is better."""
    edge: bool
    """True when the outcome is ``beats`` and no leak check failed."""
    sentence: str
    """One sentence: which baseline decides, by how much, how sure."""
    baseline: str
    """The baseline that decides: the hardest to beat."""
    rows: int
    """Test decisions that were compared."""
    comparisons: tuple[Comparison, ...]
    remarks: tuple[str, ...] = ()
    """Further sentences: direction hit rate with its interval, result after costs, coverage."""


class LeakFinding(Record):
    """One check of the leak sentinel."""

    name: str
    """``features``, ``timeframes``, ``labels``, ``scaler``, ``warmup`` or ``shuffled_labels``."""
    passed: bool
    detail: str
    """What was checked and what was found, a sentence with figures."""


class LeakCheck(Record):
    """Whether anything a network sees could know the future."""

    passed: bool
    findings: tuple[LeakFinding, ...]
    seconds: float


class TradingRule(StrEnum):
    """How a forecast becomes a position of -1, 0 or +1 times the equity."""

    THRESHOLD = "threshold"
    """The sign of the forecast mean where it exceeds the cost of one fill, else flat."""
    SIGN = "sign"
    """The sign of the forecast mean, however small: always in the market."""
    BUY_AND_HOLD = "buy_and_hold"
    """Bought at the first fill, sold at the last."""


class TradingResult(Record):
    """What one rule earned on the test decisions. A Sharpe ratio is None where nothing moved."""

    rule: TradingRule
    trades: int
    """Fills that changed the position."""
    turnover: float
    """Sum of the changes of position, in multiples of the equity; a reversal counts 2."""
    exposure: float
    """Share of the periods with a position."""
    gross_log_return: float
    net_log_return: float
    """Sums over all periods, before and after costs."""
    sharpe: float | None
    """Of the net log-returns per period, without a riskless rate, times the root of the periods
    per year."""
    max_drawdown: float
    """Largest loss from a peak of the net equity, as a share of the peak."""
    break_even_bps: float | None
    """Fee and slippage together, per side, at which the net return is zero; None without trades,
    below zero where there is nothing to pay from."""
    probabilistic_sharpe: float | None
    """Probability that the true Sharpe ratio is above zero, given length, skewness and kurtosis."""
    deflated_sharpe: float | None
    """The same against the best Sharpe ratio that so many tries reach without any skill."""


class TradingCheck(Record):
    """The forecasts of the test part acted upon, at the costs of ``RunConfig.costs``."""

    fee_bps: float
    slippage_bps: float
    """Per side."""
    tries: int
    """Runs on this data set so far, this one included: what the Sharpe ratios are deflated by."""
    periods: int
    """From one fill to the next; usually one bar each."""
    periods_per_year: float
    delayed_fills: int
    """Fills that had to wait because the next bar is missing."""
    results: tuple[TradingResult, ...]
    """In the order of ``TradingRule``."""

    def result(self, rule: TradingRule) -> TradingResult:
        """The row of one rule."""
        return next(row for row in self.results if row.rule is rule)
