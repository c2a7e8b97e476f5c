"""The report of a completed run, read from its own files."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from runs_app.choices import RunStatus
from runs_app.errors import ArtifactNotFound, ReportMissing
from runs_app.forecasting.evaluation.documents import BASELINES, TradingCheck
from runs_app.forecasting.evaluation.report import Coverage, Report
from runs_app.forecasting.events import METRICS_FILE, REPORT_FILE
from runs_app.judgement import Judgement, judgement
from runs_app.models import TrainingRun
from runs_app.services.decision_times import address
from runs_app.services.run_files import open_run_file

MAX_BYTES = 32 * 1024 * 1024

FORECASTERS: dict[str, str] = {
    "model": "This model",
    "model_uncalibrated": "This model, uncalibrated",
    **BASELINES,
}
"""Keys of forecasters in ``report.json`` and ``metrics.json``, and in words."""

SCORES: dict[str, tuple[str, str, float]] = {
    "nll": ("NLL", "nats", 1),
    "crps": ("CRPS", "bp", 1e4),
    "pinball": ("Pinball loss", "bp", 1e4),
    "rmse": ("RMSE", "bp", 1e4),
    "mae": ("MAE", "bp", 1e4),
}
"""Mean scores of a distribution: name, unit, and factor from the stored unit to that one."""


def about(text: str) -> Any:
    """A field of the page's context, with what it means to the template's author."""
    return field(metadata={"help": text})


@dataclass(frozen=True)
class ScoreTable:
    """Mean scores of every forecaster on one part of the data; lower is better."""

    part: str
    headings: list[tuple[str, str]]
    """Name and unit of each column."""
    rows: list[tuple[str, str, list[float | str | None]]]
    """Key and name of a forecaster, and its scores in the units of the columns."""


@dataclass(frozen=True)
class CoverageLine:
    """How many outcomes the central intervals of one forecaster held."""

    key: str
    name: str
    cells: list[Coverage]
    """In the order of the nominal coverages."""


@dataclass(frozen=True)
class LargestTable:
    """Decisions that cost the model most, the worst first."""

    score: str
    unit: str
    forecasters: list[str]
    """In words, the model first."""
    rows: list[tuple[str, datetime, float, list[float]]]
    """When it was made, as addresses hold it and as an instant, the log-return that came, and the
    loss of each forecaster."""


@dataclass(frozen=True)
class ReportPage:
    """Context of the report page."""

    run: TrainingRun = about("The run.")
    report: Report = about("What the plots are drawn from.")
    judgement: Judgement | None = about("Verdict and leak check.")
    trading: TradingCheck | None = about("The forecasts acted upon, after costs.")
    metrics: dict[str, Any] = about("The run's metrics.json.")

    @property
    def score_tables(self) -> list[ScoreTable]:
        """The test part first, then validation."""
        scores = self.metrics.get("scores") or {}
        return [
            _score_table(part, scores[part]) for part in ("test", "validation") if part in scores
        ]

    @property
    def test_directions(self) -> dict[str, Any]:
        """How well directions were told on the test part: ``next``, ``short`` and ``long``."""
        found: dict[str, Any] = (self.metrics.get("directions") or {}).get("test") or {}
        return found

    @property
    def trends(self) -> list[tuple[str, dict[str, Any]]]:
        """Scores of the class probabilities by horizon."""
        known = self.test_directions
        return [(name, known[name]) for name in ("short", "long") if known.get(name)]

    @property
    def corrections(self) -> list[tuple[str, list[float]]]:
        """What calibration changed, each with its factors; 1 changes nothing."""
        known: dict[str, Any] = self.metrics.get("calibration") or {}
        found = [("Scale of the distribution", [known["scale"]])] if self._has_scale else []
        if known.get("stretch"):
            found.append(("Distance of each quantile from the median", known["stretch"]))
        for name in ("short", "long"):
            if known.get(name):
                words = f"Temperature of the {name} direction"
                found.append((words, [known[name]["temperature"]]))
        return found

    @property
    def _has_scale(self) -> bool:
        return self.shows_pit and bool(self.metrics.get("calibration"))

    @property
    def shows_pit(self) -> bool:
        """True where the model has a density."""
        pit = self.report.pit
        return pit is not None and any(one.forecaster == "model" for one in pit.histograms)

    @property
    def coverage(self) -> list[CoverageLine]:
        """One line per forecaster."""
        lines: dict[str, list[Coverage]] = {}
        for row in self.report.coverage:
            lines.setdefault(row.forecaster, []).append(row)
        return [CoverageLine(key, named(key), cells) for key, cells in lines.items()]

    @property
    def nominals(self) -> list[float]:
        """The nominal coverages, ascending."""
        return sorted({row.nominal for row in self.report.coverage})

    @property
    def directions(self) -> list[str]:
        """The horizons whose directions have a reliability curve."""
        return list(dict.fromkeys(curve.direction for curve in self.report.reliability))

    @property
    def largest(self) -> LargestTable | None:
        """The decisions with the largest losses; None in a report of an older version."""
        known = self.report.largest
        if known is None:
            return None
        name, unit, factor = SCORES.get(known.score, ("Squared error", "bp²", 1e8))
        columns = list(zip(*known.losses.values(), strict=True))
        rows = [
            (
                address(at),
                datetime.fromtimestamp(at / 1000, UTC),
                outcome,
                [value * factor for value in losses],
            )
            for at, outcome, losses in zip(known.time, known.outcome, columns, strict=True)
        ]
        return LargestTable(name, unit, [named(key) for key in known.losses], rows)

    @property
    def names(self) -> dict[str, str]:
        """Forecasters in words, for the legends."""
        return FORECASTERS

    @property
    def drawn(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return as_json(self.report)


def named(key: str) -> str:
    """A forecaster in words."""
    return FORECASTERS.get(key, key)


def as_json(report: Report) -> dict[str, Any]:
    """The report as JSON holds it: a NaN is a word."""
    values: dict[str, Any] = json.loads(report.model_dump_json())
    return values


def read_report(run: TrainingRun) -> ReportPage:
    """The report of ``run``. Raises ``ReportMissing`` with the reason in a sentence."""
    try:
        report = Report.model_validate_json(_content(run, REPORT_FILE))
        metrics = json.loads(_content(run, METRICS_FILE))
        trading = metrics.get("trading")
        return ReportPage(
            run=run,
            report=report,
            judgement=judgement(run),
            trading=None if trading is None else TradingCheck.model_validate(trading),
            metrics=metrics,
        )
    except ArtifactNotFound as error:
        raise ReportMissing(why_missing(run)) from error
    except (ValidationError, ValueError, AttributeError) as error:
        raise ReportMissing(
            "The report of this run was written by another version, whose form is not known."
        ) from error


def _content(run: TrainingRun, name: str) -> bytes:
    found = open_run_file(run, name)
    with found.file:
        if found.size_bytes > MAX_BYTES:
            raise ValueError(f"{name} is larger than a report can be")
        return found.file.read()


def why_missing(run: TrainingRun) -> str:
    """Why a run has no report, a sentence."""
    if run.is_live:
        return "There is no report yet: it is written when the run has completed."
    if run.status == RunStatus.COMPLETED:
        return "This run has no report: its files were removed, or an older version trained it."
    ended = "failed" if run.status == RunStatus.FAILED else "was cancelled"
    return f"This run has no report: it {ended} before its end."


def _score_table(part: str, scores: dict[str, dict[str, Any]]) -> ScoreTable:
    present = [
        key for key in SCORES if any(values.get(key) is not None for values in scores.values())
    ]
    rows = [
        (key, named(key), [_shown(values.get(column), SCORES[column][2]) for column in present])
        for key, values in scores.items()
    ]
    return ScoreTable(part, [SCORES[key][:2] for key in present], rows)


def _shown(value: Any, factor: float) -> float | str | None:
    return value * factor if isinstance(value, (int, float)) else value
