"""Read a candle file once and say everything about it, whether it can be used or not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from runs_app.forecasting.config.reading import AS_WRITTEN, Reading
from runs_app.forecasting.data.candles import Candles, clean_candles
from runs_app.forecasting.data.endings import suffix_of
from runs_app.forecasting.data.faults import Rows
from runs_app.forecasting.data.findings import all_findings
from runs_app.forecasting.data.inspect import bar_name, facts_of
from runs_app.forecasting.data.instants import Instants, read_instants
from runs_app.forecasting.data.report import DataReport, Question, Understood
from runs_app.forecasting.data.spacing import Timeline, timeline_of
from runs_app.forecasting.data.table import CandleTable, read_candle_table
from runs_app.forecasting.errors import DataInvalid, ReadingAmbiguous

_NOTHING: dict[str, Any] = {
    "rows": 0, "problem": "", "repaired_problem": "", "question": None, "understood": None,
    "timeframe": "", "bar_seconds": None, "bars": 0, "left_out": 0, "first_open": None,
    "last_open": None, "order": None, "timeframes": (), "gaps": 0, "missing": 0,
    "longest_gaps": (), "largest_step": None, "jump_threshold": None, "findings": (),
}  # fmt: skip


@dataclass(frozen=True)
class Examined:
    """The report, and the candles where there are any: repaired ones where ``repaired``."""

    report: DataReport
    candles: Candles | None = None
    notes: tuple[str, ...] = ()
    repaired: bool = False


def examine(path: Path, reading: Reading = AS_WRITTEN) -> Examined:
    """Look at the whole file; raises nothing that is the file's fault."""
    try:
        table = read_candle_table(path, reading)
    except DataInvalid as error:
        return _refused(path, error, {})
    try:
        instants = read_instants(table.time, reading.date_order)
    except DataInvalid as error:
        unread = np.zeros(len(table.open), np.bool_)
        rows = Rows(table, Instants(np.zeros(len(unread), np.int64), unread, ()))
        found = {
            "rows": _count(table),
            "understood": _understood(path, table, None),
            "findings": all_findings(rows, None).without("unreadable_time"),
        }
        return _refused(path, error, found)
    return _of_rows(path, table, instants)


def _refused(path: Path, error: DataInvalid, found: dict[str, Any]) -> Examined:
    question = None
    if isinstance(error, ReadingAmbiguous):
        question = Question(field=error.field, readings=error.readings, text=str(error))
    known = {"problem": str(error), "repaired_problem": str(error), "question": question}
    return Examined(DataReport(**(_NOTHING | {"name": path.name} | known | found)))


def _of_rows(path: Path, table: CandleTable, instants: Instants) -> Examined:
    timeline = timeline_of(instants)
    found = all_findings(Rows(table, instants), timeline)
    fields = _NOTHING | {
        "name": path.name,
        "rows": _count(table),
        "understood": _understood(path, table, instants),
        "findings": found.findings,
        "largest_step": found.largest_step,
        "jump_threshold": found.jump_threshold,
    }
    if timeline is not None:
        fields |= _spacing(timeline)
    candles, notes, problem, repaired_problem = _load(path, table, instants)
    fields |= {"problem": problem, "repaired_problem": repaired_problem}
    if candles is not None:
        facts = facts_of(candles)
        fields |= {
            "bars": facts.bars,
            "left_out": _count(table) - facts.bars,
            "first_open": facts.first_open,
            "last_open": facts.last_open,
            "timeframe": facts.timeframe,
            "bar_seconds": float(facts.bar_seconds),
        }
    notes = (*table.notes, *instants.notes, *notes)
    return Examined(DataReport(**fields), candles, notes, repaired=bool(problem))


def _load(
    path: Path, table: CandleTable, instants: Instants
) -> tuple[Candles | None, tuple[str, ...], str, str]:
    """Candles as training would read them, with repair where it takes repair."""
    try:
        candles, notes = clean_candles(Rows(table, instants), path.name, repair=False)
    except DataInvalid as error:
        problem = str(error)
    else:
        return candles, notes, "", ""
    try:
        candles, notes = clean_candles(Rows(table, instants), path.name, repair=True)
    except DataInvalid as error:
        return None, (), problem, str(error)
    return candles, notes, problem, ""


def _count(table: CandleTable) -> int:
    return len(table.open) + len(table.ragged)


def _spacing(timeline: Timeline) -> dict[str, Any]:
    seconds = timeline.bar_ms / 1000
    return {
        "timeframe": bar_name(int(seconds)) if seconds % 1 == 0 and seconds else "",
        "bar_seconds": seconds,
        "first_open": timeline.first,
        "last_open": timeline.last,
        "order": timeline.order,
        "timeframes": timeline.timeframes(),
        "gaps": timeline.gaps,
        "missing": timeline.missing,
        "longest_gaps": timeline.longest_gaps(),
    }


def _understood(path: Path, table: CandleTable, instants: Instants | None) -> Understood:
    names = table.column_names
    volume = f"column {names['volume']}" if "volume" in names else "none: 0 everywhere"
    if instants is None:
        time, zone = "dates whose order of day and month is open", ""
    else:
        time = " and ".join(instants.forms) or "not readable"
        zone = "UTC" if instants.zoned else "none in the file: taken as UTC"
    return Understood(
        container=suffix_of(path.name) or path.suffix,
        header=table.header,
        columns=names,
        time=time,
        zone=zone,
        volume=volume,
        notes=(*table.notes, *(instants.notes if instants else ())),
    )
