"""What can be wrong with a row of a candle file, and what happens then: refused, or left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from runs_app.forecasting.config.timeframes import WEEK_ANCHOR_SECONDS
from runs_app.forecasting.counted import counted
from runs_app.forecasting.data.instants import Instants
from runs_app.forecasting.data.layout import PRICES
from runs_app.forecasting.data.table import CandleTable
from runs_app.forecasting.errors import DataInvalid
from runs_app.forecasting.utc import instant

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


class Rows:
    """The rows of a file that are still in use, in file order."""

    def __init__(self, table: CandleTable, instants: Instants) -> None:
        self.table = table
        self.instants = instants
        self.used: BoolArray = np.ones(len(table.open), np.bool_)
        self.ragged_settled = False

    def order(self) -> Int64Array:
        """Indices of the used rows by time; of equal times the earlier row of the file first."""
        used = np.flatnonzero(self.used)
        times = self.instants.milliseconds[used]
        if bool(np.all(np.diff(times) > 0)):
            return used
        return used[np.argsort(times, kind="stable")]

    def sorted_times(self) -> Int64Array:
        """Times of the used rows, ascending (ms UTC)."""
        return self.instants.milliseconds[self.order()]


@dataclass(frozen=True)
class Fault:
    """One kind of fault: the rows that have it [rows], its column, and words for one row.

    ``kind`` groups faults that a person counts as one, such as a missing open and a missing close.
    """

    kind: str
    rows: BoolArray
    column: str | None
    reason: Callable[[int], str]
    summary: str


def utc_text(milliseconds: int) -> str:
    """An instant for a sentence: ``2024-01-31 12:00 UTC`` (seconds only where there are any)."""
    at = instant(milliseconds)
    return at.strftime("%Y-%m-%d %H:%M" + (":%S" if at.second else "") + " UTC")


def row_faults(rows: Rows) -> list[Fault]:
    """Faults that a row has by itself; each row is given its first one only."""
    return _first_only(all_row_faults(rows))


def all_row_faults(rows: Rows) -> list[Fault]:
    """Every fault that a row has by itself; a row may have several."""
    table, readable = rows.table, rows.instants.readable
    names = table.column_names
    columns = {
        "open": table.open, "high": table.high, "low": table.low, "close": table.close,
        "volume": table.volume,
    }  # fmt: skip
    top = np.maximum(table.open, table.close)
    bottom = np.minimum(table.open, table.close)
    time_name = names["time"]
    found: list[Fault] = [
        Fault(
            "unreadable_time", ~readable, time_name,
            lambda row: f"the time {_raw(table, row)} in column {time_name} cannot be read; write "
            "ISO text such as 2024-01-31T12:00:00Z, or epoch seconds, milli-, micro- or "
            "nanoseconds",
            "the time cannot be read",
        )
    ]  # fmt: skip
    found += [_not_a_number(role, columns[role], names.get(role, role)) for role in columns]
    found += [_not_positive(columns[role], names[role]) for role in PRICES]
    found += [
        Fault(
            "high_low", table.high < top, names["high"],
            lambda row: f"the high {table.high[row]:g} is below the open {table.open[row]:g} or "
            f"the close {table.close[row]:g}",
            "the high is below open or close",
        ),
        Fault(
            "high_low", table.low > bottom, names["low"],
            lambda row: f"the low {table.low[row]:g} is above the open {table.open[row]:g} or the "
            f"close {table.close[row]:g}",
            "the low is above open or close",
        ),
        Fault(
            "negative_volume", table.volume < 0, names.get("volume"),
            lambda row: f"the volume {table.volume[row]:g} is negative",
            "the volume is negative",
        ),
    ]  # fmt: skip
    return found


def duplicate_fault(rows: Rows) -> list[Fault]:
    """Rows whose time comes again further down the file; the last one of each time is kept."""
    order = rows.order()
    times = rows.instants.milliseconds[order]
    again = np.diff(times) == 0
    repeated = np.zeros(len(rows.used), np.bool_)
    repeated[order[:-1][again]] = True
    following = dict(zip(order[:-1][again].tolist(), order[1:][again].tolist(), strict=True))
    table = rows.table

    def reason(row: int) -> str:
        return (
            f"the time {utc_text(int(rows.instants.milliseconds[row]))} comes again on "
            f"{table.row_word} {table.line(following[row])}"
        )

    summary = "the time comes again further down (the last row of each time was kept)"
    return [Fault("duplicate", repeated, table.column_names["time"], reason, summary)]


def grid_fault(rows: Rows, bar_ms: int) -> list[Fault]:
    """Rows that open off the grid of the file's own bars."""
    used = np.flatnonzero(rows.used)
    phase = (rows.instants.milliseconds[used] - WEEK_ANCHOR_SECONDS * 1000) % bar_ms
    phases, counts = np.unique(phase, return_counts=True)
    usual = phases[np.argmax(counts)]
    off = np.zeros(len(rows.used), np.bool_)
    off[used] = phase != usual

    def reason(row: int) -> str:
        return (
            f"the time {utc_text(int(rows.instants.milliseconds[row]))} does not fit the grid of "
            f"{bar_ms // 1000} seconds on which most candles open"
        )

    column = rows.table.column_names["time"]
    return [
        Fault(
            "off_grid", off, column, reason, f"the time is off the grid of {bar_ms // 1000} seconds"
        )
    ]


def settle(rows: Rows, faults: list[Fault], *, repair: bool) -> list[str]:
    """Refuse the first faulty row of the file, or with ``repair`` leave all out and say so."""
    ragged = () if rows.ragged_settled else rows.table.ragged
    rows.ragged_settled = True
    if not repair:
        _refuse_first(rows, faults, ragged)
        return []
    word = rows.table.row_word
    notes = []
    if ragged:
        notes.append(
            f"repair: {len(ragged):,} row(s) left out because they have a wrong number of values; "
            f"first on {word} {ragged[0][0]}"
        )
    for fault in faults:
        hit = np.flatnonzero(fault.rows & rows.used)
        if len(hit):
            rows.used[hit] = False
            notes.append(
                f"repair: {len(hit):,} row(s) left out because {fault.summary}; first on {word} "
                f"{rows.table.line(int(hit[0]))} ({fault.reason(int(hit[0]))})"
            )
    return notes


def _refuse_first(rows: Rows, faults: list[Fault], ragged: tuple[tuple[int, int], ...]) -> None:
    table = rows.table
    first = {int(np.argmax(f.rows)): f for f in reversed(faults) if bool(f.rows.any())}
    total = sum(int(f.rows.sum()) for f in faults) + len(ragged)
    if total == 0:
        return
    more = (
        f" ({counted(total - 1, 'more faulty row follows', 'more faulty rows follow')})"
        if total > 1
        else ""
    )
    advice = f"{more}. Correct the file, or switch on repair to leave such rows out"
    row = min(first, default=None)
    line = None if row is None else table.line(row)
    if ragged and (line is None or ragged[0][0] < line):
        place, values = ragged[0]
        raise DataInvalid(
            f"{table.row_word} {place}: there are {values} values where {table.columns_expected} "
            f"columns are expected{advice}",
            row=place,
        )
    if row is not None:
        fault = first[row]
        raise DataInvalid(
            f"{table.row_word} {line}: {fault.reason(row)}{advice}", row=line, column=fault.column
        )


def _first_only(faults: list[Fault]) -> list[Fault]:
    taken = np.zeros(len(faults[0].rows), np.bool_)
    out = []
    for fault in faults:
        mine = fault.rows & ~taken
        taken |= fault.rows
        out.append(Fault(fault.kind, mine, fault.column, fault.reason, fault.summary))
    return out


def _not_a_number(role: str, values: npt.NDArray[np.float64], name: str) -> Fault:
    text = f"the value in column {name} is missing or not a number"
    kind = "missing_volume" if role == "volume" else "missing_price"
    return Fault(kind, np.isnan(values), name, lambda _: text, text)


def _not_positive(values: npt.NDArray[np.float64], name: str) -> Fault:
    return Fault(
        "price_not_positive",
        values <= 0,
        name,
        lambda row: f"the price {values[row]:g} in column {name} is not above zero",
        f"the price in column {name} is not above zero",
    )


def _raw(table: CandleTable, row: int) -> str:
    scalar = table.time[row]
    if pa.types.is_timestamp(scalar.type):
        scalar = scalar.cast(pa.int64())  # a year beyond 9999 is no datetime
    value = scalar.as_py()
    return "(empty)" if value in (None, "") else repr(value)
