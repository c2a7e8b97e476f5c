"""What is said below the verdict, one sentence each."""

from __future__ import annotations

from collections.abc import Sequence

from runs_app.forecasting.counted import counted
from runs_app.forecasting.evaluation.directions import ClassScores, HitRate
from runs_app.forecasting.evaluation.documents import (
    Comparison,
    Outcome,
    TradingCheck,
    TradingResult,
    TradingRule,
)
from runs_app.forecasting.evaluation.report import Coverage
from runs_app.forecasting.evaluation.rule import SIGNIFICANCE, outcome_of
from runs_app.forecasting.evaluation.words import baseline_words, joined, p_words


def tries_words(comparisons: Sequence[Comparison], tries: int) -> str | None:
    """Which try on this data set it is, and what that leaves of a win; None for the first.

    Bonferroni: the largest deciding p times the number of tries.
    """
    if tries <= 1:
        return None
    text = f"This is try {tries:,} on this data set"
    deciding = [one for one in comparisons if one.score == comparisons[0].score]
    if any(one.outcome is not Outcome.BEATS for one in deciding):
        return f"{text}."
    hardest = max(deciding, key=lambda one: one.p_value)
    corrected = min(1.0, tries * hardest.p_value)
    holds = "the win stands" if corrected < SIGNIFICANCE else "so many tries may have made the win"
    return (
        f"{text}: corrected for that (Bonferroni), {p_words(corrected)} against "
        f"{baseline_words(hardest.baseline)}; {holds}."
    )


def direction_words(hits: HitRate | None) -> str:
    """The hit rate with its interval and the coin."""
    if hits is None:
        return "No direction is forecast: the mean is zero wherever the price moved."
    if hits.low > hits.coin:
        coin = "coin flip below it"
    else:
        coin = "coin flip above it" if hits.high < hits.coin else "coin flip inside"
    return (
        f"Direction hit rate {100 * hits.rate:.1f} % (95 % interval {100 * hits.low:.1f}-"
        f"{100 * hits.high:.1f}; {coin}; always saying the commoner direction gives "
        f"{100 * hits.majority:.1f} %)."
    )


def classes_words(name: str, classes: ClassScores) -> str:
    """How a direction's probabilities compare with the shares of the training part."""
    outcome = outcome_of(classes.log_loss_p_value, better=classes.log_loss < classes.prior_log_loss)
    return (
        f"The {name} direction {outcome} {'to ' if outcome is Outcome.LOSES else ''}"
        f"{'with ' if outcome is Outcome.TIES else ''}the shares of the training part: log-loss "
        f"{classes.log_loss:.4f} against {classes.prior_log_loss:.4f} "
        f"({p_words(classes.log_loss_p_value)})."
    )


def trading_words(check: TradingCheck) -> str:
    """What is left after costs, and at which costs something would be."""
    cost = f"{check.fee_bps + check.slippage_bps:g} bp per side"
    rule, sign = check.result(TradingRule.THRESHOLD), check.result(TradingRule.SIGN)
    if rule.trades == 0:
        text = f"At {cost} no forecast was worth a trade."
        if sign.break_even_bps is None:
            return text
        return f"{text} Following every sign instead {_level_words(sign)}."
    result = (
        f"After costs of {cost}, {counted(rule.trades, 'trade comes', 'trades come')} to a "
        f"log-return of {rule.net_log_return:+.3f} (buy and hold "
        f"{check.result(TradingRule.BUY_AND_HOLD).net_log_return:+.3f}); it {_level_words(rule)}"
    )
    if rule.sharpe is None or rule.deflated_sharpe is None:
        return f"{result}."
    runs = "one try" if check.tries == 1 else counted(check.tries, "try")
    return (
        f"{result}. Sharpe ratio {rule.sharpe:.2f} a year, real with a probability of "
        f"{_probability_words(rule.deflated_sharpe)} (deflated for {runs} on this data set)."
    )


def _level_words(result: TradingResult) -> str:
    level = result.break_even_bps
    if level is None or level <= 0.0:
        return "loses even without costs"
    return f"breaks even at {f'{level:,.0f}' if level >= 10.0 else f'{level:.2g}'} bp per side"


def _probability_words(probability: float) -> str:
    """In percent; never exactly none or all."""
    if probability < 0.01:
        return "less than 1 %"
    return "more than 99 %" if probability > 0.99 else f"{100 * probability:.0f} %"


def coverage_words(coverage: Sequence[Coverage], forecaster: str) -> str | None:
    """Nominal against actual coverage of one forecaster; None where it has no intervals."""
    own = [one for one in coverage if one.forecaster == forecaster]
    if not own:
        return None
    nominal = joined([f"{100 * one.nominal:g}" for one in own])
    covered = joined([f"{100 * one.covered:.1f}" for one in own])
    intervals = "The interval" if len(own) == 1 else "The intervals"
    return f"{intervals} of {nominal} % held {covered} % of the outcomes."
