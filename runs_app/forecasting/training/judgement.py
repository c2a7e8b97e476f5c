"""What a fit is worth, judged on the test part: verdict, trading check, and the report's data."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from runs_app.forecasting.config.half_lives import HALF_LIVES_BARS, REGIME_HALF_LIFE_BARS
from runs_app.forecasting.evaluation import remarks
from runs_app.forecasting.evaluation.breakdown import by_hour, by_volatility
from runs_app.forecasting.evaluation.context import RunContext, read_context
from runs_app.forecasting.evaluation.curves import (
    coverage_rows,
    equity_curve,
    fan_chart,
    largest_losses,
    pit_section,
    pit_values,
    reliability_curve,
)
from runs_app.forecasting.evaluation.report import Report
from runs_app.forecasting.evaluation.trading import BASIS_POINT, Fills, accounts, trading_check
from runs_app.forecasting.evaluation.verdict import MODEL, compare, judge, loss_table
from runs_app.forecasting.progress import advance

if TYPE_CHECKING:
    from pathlib import Path

    from runs_app.forecasting.evaluation.documents import (
        LeakCheck,
        TradingCheck,
        TradingRule,
        Verdict,
    )
    from runs_app.forecasting.evaluation.predictive import FloatArray
    from runs_app.forecasting.evaluation.report import Coverage
    from runs_app.forecasting.evaluation.trading import Account
    from runs_app.forecasting.training.assembly import Fit
    from runs_app.forecasting.training.evidence import Evidence

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Judgement:
    """All that is said about a finished fit besides its scores."""

    verdict: Verdict
    trading: TradingCheck
    report: Report


def judge_fit(fit: Fit, evidence: Evidence, leaks: LeakCheck | None = None) -> Judgement:
    """Judge the test part."""
    costs, horizon = fit.config.costs, evidence.horizon_bars
    tries = _context(fit.run_dir).tries
    losses = loss_table(evidence.model, evidence.baselines, evidence.y)
    advance()
    comparisons = compare(losses, horizon_bars=horizon)
    fills = _fills(evidence)
    cost = (costs.fee_bps + costs.slippage_bps) * BASIS_POINT
    account = accounts(evidence.model.location, fills, cost=cost)
    trading = trading_check(
        account, fills, fee_bps=costs.fee_bps, slippage_bps=costs.slippage_bps, tries=tries
    )
    advance()
    pit = pit_values(evidence.forecasts, evidence.y)
    coverage = coverage_rows(evidence.forecasts, pit, evidence.y, horizon_bars=horizon)
    said = (
        remarks.tries_words(comparisons, tries),
        remarks.direction_words(evidence.hits()),
        *(remarks.classes_words(name, one) for name, one in evidence.classes().items()),
        remarks.trading_words(trading),
        remarks.coverage_words(coverage, MODEL),
        *(f"{note}." for note in fit.baselines.notes),
    )
    advance()
    verdict = judge(
        comparisons,
        rows=len(evidence.y),
        leaks=leaks,
        remarks=tuple(sentence for sentence in said if sentence),
    )
    return Judgement(verdict, trading, _report(evidence, losses, pit, coverage, account, fills))


def _fills(evidence: Evidence) -> Fills:
    bars = evidence.data.bars
    return Fills.at_next_open(
        evidence.data.decision_bar[evidence.rows],
        open_time=bars.open_time,
        available_at=bars.available_at,
        open_price=bars.open,
    )


def _report(
    evidence: Evidence,
    losses: dict[str, dict[str, FloatArray]],
    pit: dict[str, FloatArray],
    coverage: tuple[Coverage, ...],
    account: dict[TradingRule, Account],
    fills: Fills,
) -> Report:
    data, rows = evidence.data, evidence.rows
    bars, decided = data.bars, data.decision_bar[rows]
    target = decided + evidence.horizon_bars
    score, deciding = next(iter(losses.items()))
    surprise = "nll" if "nll" in losses else score
    time = data.decision_time[rows]
    usual = HALF_LIVES_BARS.index(REGIME_HALF_LIFE_BARS)
    volatility = data.volatility[:, usual].numpy().astype(np.float64)
    train = data.splits["train"].numpy()
    return Report(
        timeframe=bars.timeframe,
        horizon_bars=evidence.horizon_bars,
        rows=len(rows),
        score=score,
        pit=pit_section(pit, horizon_bars=evidence.horizon_bars),
        coverage=coverage,
        reliability=tuple(
            reliability_curve(name, one.probabilities, one.label, calibrated=is_calibrated)
            for is_calibrated, directions in (
                (True, evidence.directions),
                (False, evidence.uncalibrated_directions),
            )
            for name, one in directions.items()
        ),
        breakdowns=(
            by_hour(score, deciding, time),
            by_volatility(score, deciding, volatility[rows], volatility[train]),
        ),
        equity=equity_curve(account, fills),
        fan=fan_chart(
            evidence.model,
            time=time,
            bars={name: getattr(bars, name)[decided] for name in ("open", "high", "low", "close")},
            target_time=bars.available_at[target],
            target_close=bars.close[target],
        ),
        largest=largest_losses(surprise, losses[surprise], time=time, y=evidence.y),
    )


def _context(run_dir: Path) -> RunContext:
    try:
        return read_context(run_dir)
    except (OSError, ValueError) as error:
        LOG.warning("context.json cannot be read, so this run counts as the first try: %s", error)
        return RunContext()
