"""A report and its neighbour files, as a completed run leaves them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from runs_app.forecasting.evaluation.documents import TradingCheck, TradingResult, TradingRule
from runs_app.forecasting.evaluation.report import (
    Breakdown,
    Coverage,
    EquityCurve,
    FanChart,
    PitHistogram,
    PitSection,
    ReliabilityCurve,
    Report,
)
from runs_app.models import TrainingRun

START_MS = 1_700_000_000_000
MINUTE_MS = 60_000


def make_report(**fields: Any) -> Report:
    """A report of a density with every section."""
    forecasters = ("model", "garch")
    pit = PitSection(
        expected=50.0,
        low=40.0,
        high=60.0,
        histograms=tuple(PitHistogram(forecaster=f, counts=(50,) * 20) for f in forecasters),
    )
    coverage = tuple(
        Coverage(forecaster=f, nominal=n, covered=n + 0.01, low=n - 0.01, high=n + 0.03)
        for f in forecasters
        for n in (0.5, 0.8, 0.95)
    )
    reliability = tuple(
        ReliabilityCurve(
            direction=name, calibrated=False, ece=0.031, confidence=(0.4, 0.6),
            accuracy=(0.38, 0.7), rows=(900, 100),
        )
        for name in ("short", "long")
    )  # fmt: skip
    facts: dict[str, Any] = {
        "timeframe": "1m", "horizon_bars": 1, "rows": 1000, "score": "crps", "pit": pit,
        "coverage": coverage, "reliability": reliability,
        "breakdowns": (_breakdown("hour", 24), _breakdown("volatility", 3)),
        "equity": _equity(), "fan": _fan(30),
    }  # fmt: skip
    return Report(**(facts | fields))


def _breakdown(by: str, count: int) -> Breakdown:
    return Breakdown(
        by=by,
        score="crps",
        labels=tuple(str(part) for part in range(count)),
        rows=(10,) * count,
        scores={"model": (0.0005,) * (count - 1) + (None,), "garch": (0.0006,) * count},
    )


def _equity() -> EquityCurve:
    time = tuple(START_MS + n * MINUTE_MS for n in range(10))
    curves = {str(rule): tuple(0.001 * n for n in range(10)) for rule in TradingRule}
    return EquityCurve(time=time, log_return=curves, points_of=10)


def _fan(count: int) -> FanChart:
    close = tuple(100.0 + n % 5 for n in range(count))
    time = tuple(START_MS + n * MINUTE_MS for n in range(count))
    levels = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
    return FanChart(
        time=time, open=close, high=tuple(c + 1 for c in close), low=tuple(c - 1 for c in close),
        close=close, target_time=tuple(t + MINUTE_MS for t in time), target_close=close,
        location=close, levels=levels,
        quantiles=tuple(tuple(c + 4 * (level - 0.5) for c in close) for level in levels),
    )  # fmt: skip


def make_trading_check() -> TradingCheck:
    """Every rule with the same figures."""
    results = tuple(
        TradingResult(
            rule=rule, trades=7, turnover=14.0, exposure=0.5, gross_log_return=0.02,
            net_log_return=-0.01, sharpe=-1.5, max_drawdown=0.03, break_even_bps=1.25,
            probabilistic_sharpe=1e-9, deflated_sharpe=0.25,
        )
        for rule in TradingRule
    )  # fmt: skip
    return TradingCheck(
        fee_bps=10.0, slippage_bps=2.0, tries=7, periods=999, periods_per_year=525_960.0,
        delayed_fills=3, results=results,
    )  # fmt: skip


def write_report(run: TrainingRun, runs_root: Path, **metrics: Any) -> Path:
    """The run's directory with ``report.json`` and ``metrics.json``."""
    folder = runs_root / run.uid
    folder.mkdir(exist_ok=True)
    (folder / "report.json").write_text(make_report().model_dump_json())
    trading = make_trading_check().model_dump(mode="json")
    scores = {
        "test": {
            "model": {"nll": -5.4, "crps": 0.0005, "pinball": None, "rmse": 0.0012},
            "garch": {"nll": "NaN", "crps": 0.0006, "pinball": None, "rmse": 0.0012},
        }
    }
    shares = [0.4, 0.2, 0.4]
    trend = {
        "f1": 0.2, "shares": shares, "prior": shares, "log_loss": 1.01, "prior_log_loss": 1.02,
        "log_loss_p_value": 0.3, "brier": 0.6, "prior_brier": 0.61, "brier_skill": 0.016,
        "ece": 0.031, "prior_ece": 0.004, "accuracy": 0.41, "prior_accuracy": 0.4,
    }  # fmt: skip
    hits = {"rate": 0.51, "low": 0.5, "high": 0.52, "coin": 0.5, "majority": 0.503, "moves": 990}
    directions = {"test": {"next": hits, "short": trend, "long": trend}}
    calibration = {
        "rows": 880, "scale": 1.25, "stretch": [],
        "short": {"temperature": 1.0, "prior": shares},
        "long": {"temperature": 1.5, "prior": shares},
    }  # fmt: skip
    content = {
        "trading": trading, "scores": scores, "directions": directions, "calibration": calibration,
    } | metrics  # fmt: skip
    (folder / "metrics.json").write_text(json.dumps(content))
    return folder
