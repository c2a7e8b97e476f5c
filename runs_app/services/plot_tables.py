"""The numbers of each plot of a report as a table, for its CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from runs_app.errors import ReportMissing
from runs_app.forecasting.evaluation.report import Report
from runs_app.live.payloads import iso_utc
from runs_app.services.report import as_json

Tree = dict[str, Any]


@dataclass(frozen=True)
class PlotTable:
    """Heading and rows of one plot; a value is as the report has it, None where there is none."""

    header: tuple[str, ...]
    rows: Sequence[Sequence[Any]]

    def as_csv(self) -> bytes:
        """UTF-8 with a heading; an absent value is an empty cell."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.header, *self.rows])
        return text.getvalue().encode()


def plot_tables(report: Report) -> dict[str, PlotTable]:
    """By the names that the page gives its plots; only plots that the report has."""
    drawn = as_json(report)
    made = ((name, table(drawn)) for name, table in _TABLES.items())
    return {name: table for name, table in made if table is not None}


def plot_table(report: Report, name: str) -> PlotTable:
    """One of them. Raises ``ReportMissing``."""
    found = plot_tables(report).get(name)
    if found is None:
        raise ReportMissing("The report has no plot of this name.")
    return found


def _time(milliseconds: int) -> str:
    return iso_utc(datetime.fromtimestamp(milliseconds / 1000, UTC))


def fan_table(fan: Tree) -> PlotTable:
    """The table of a fan chart as JSON values: of a report, or of a prediction."""
    header = (
        "decided_at", "open", "high", "low", "close", "outcome_at", "outcome_close", "location",
        *(f"q{level}" for level in fan["levels"]),
    )  # fmt: skip
    columns = (
        map(_time, fan["time"]), fan["open"], fan["high"], fan["low"], fan["close"],
        map(_time, fan["target_time"]), fan["target_close"], fan["location"], *fan["quantiles"],
    )  # fmt: skip
    if not fan["quantiles"]:
        header = header[:8]
    return _of_columns(header, columns)


def _fan(drawn: Tree) -> PlotTable | None:
    return fan_table(drawn["fan"])


def _pit(drawn: Tree) -> PlotTable | None:
    pit = drawn["pit"]
    if pit is None or not pit["histograms"]:
        return None
    shown = pit["histograms"]
    bins = len(shown[0]["counts"])
    header = ("from", "to", "expected", "low", "high", *(one["forecaster"] for one in shown))
    rows = [
        (at / bins, (at + 1) / bins, pit["expected"], pit["low"], pit["high"],
         *(one["counts"][at] for one in shown))
        for at in range(bins)
    ]  # fmt: skip
    return PlotTable(header, rows)


def _coverage(drawn: Tree) -> PlotTable | None:
    header = ("forecaster", "nominal", "covered", "low", "high")
    rows = [[row[name] for name in header] for row in drawn["coverage"]]
    return PlotTable(header, rows) if rows else None


def _reliability(drawn: Tree, direction: str) -> PlotTable | None:
    rows = [
        (str(curve["calibrated"]).lower(), *cells)
        for curve in drawn["reliability"]
        if curve["direction"] == direction
        for cells in zip(curve["confidence"], curve["accuracy"], curve["rows"], strict=True)
    ]
    return PlotTable(("calibrated", "confidence", "accuracy", "rows"), rows) if rows else None


def _breakdown(drawn: Tree, by: str) -> PlotTable | None:
    part = next((one for one in drawn["breakdowns"] if one["by"] == by), None)
    if part is None:
        return None
    scores = part["scores"]
    return _of_columns((by, "rows", *scores), (part["labels"], part["rows"], *scores.values()))


def _equity(drawn: Tree) -> PlotTable | None:
    curve = drawn["equity"]
    rules = curve["log_return"]
    header = ("time", *(f"{rule}_log_return" for rule in rules))
    return _of_columns(header, (map(_time, curve["time"]), *rules.values()))


def _of_columns(header: tuple[str, ...], columns: Iterable[Iterable[Any]]) -> PlotTable:
    return PlotTable(header, list(zip(*columns, strict=True)))


_TABLES: dict[str, Callable[[Tree], PlotTable | None]] = {
    "fan": _fan,
    "pit": _pit,
    "coverage": _coverage,
    "reliability-short": partial(_reliability, direction="short"),
    "reliability-long": partial(_reliability, direction="long"),
    "hour": partial(_breakdown, by="hour"),
    "volatility": partial(_breakdown, by="volatility"),
    "equity": _equity,
}
"""By the plot's name on the page."""
