"""Candles in memory, and the door through which every candle file is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from runs_app.forecasting.config.reading import AS_WRITTEN, Reading
from runs_app.forecasting.config.timeframes import (
    TIMEFRAMES,
    WEEK_ANCHOR_SECONDS,
    duration_seconds,
)
from runs_app.forecasting.data.faults import Rows, duplicate_fault, grid_fault, row_faults, settle
from runs_app.forecasting.data.instants import read_instants
from runs_app.forecasting.data.table import CandleTable, read_candle_table
from runs_app.forecasting.errors import DataInvalid
from runs_app.forecasting.progress import advance

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

MS = 1000
LONGEST_BAR_SECONDS = duration_seconds(TIMEFRAMES[-1])

LEAST_SHARE_KEPT = 0.5
"""A file that loses more than half of its rows to repair is not what it was taken for."""


@dataclass(frozen=True)
class Candles:
    """Clean candles in order of time, all arrays [bars].

    ``open_time`` is when a bar opens, in milliseconds since 1970 UTC; the bar is known at
    ``open_time + bar_seconds``, not before. Times are unique and lie on one grid of
    ``bar_seconds``; bars may be absent. Prices are above zero and finite, with
    ``low <= open, close <= high``; volume is at least zero.
    """

    open_time: Int64Array
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    bar_seconds: int

    def __len__(self) -> int:
        return len(self.open_time)

    @property
    def grid_offset_ms(self) -> int:
        """How far the bars' opening times lie behind round ones (weeks: behind Monday 00:00)."""
        return int((self.open_time[0] - WEEK_ANCHOR_SECONDS * MS) % (self.bar_seconds * MS))

    def between(self, first: int | None, end: int | None) -> Candles:
        """The candles that open at or after ``first`` and before ``end`` (ms UTC)."""
        low = 0 if first is None else int(np.searchsorted(self.open_time, first))
        high = len(self) if end is None else int(np.searchsorted(self.open_time, end))
        part = slice(low, high)
        return Candles(
            self.open_time[part], self.open[part], self.high[part], self.low[part],
            self.close[part], self.volume[part], self.bar_seconds,
        )  # fmt: skip


def read_candles(
    path: Path, *, repair: bool, reading: Reading = AS_WRITTEN
) -> tuple[Candles, tuple[str, ...]]:
    """Read a candle file; the second value are notes for the log.

    CSV (.csv, .txt, also .gz and .zip), JSON, Parquet and Feather with named columns, Binance kline
    files, and headerless files whose column order is beyond doubt. Rows are sorted by time.
    A duplicate, an unreadable value or an impossible candle raises ``DataInvalid`` with the line
    and the reason; with ``repair`` such rows are left out (of duplicates the last one in the file
    stays: an unfinished candle is often followed by the final one) and the notes say how many.
    """
    table = read_candle_table(path, reading)
    advance()
    instants = read_instants(table.time, reading.date_order)
    advance()
    candles, notes = clean_candles(Rows(table, instants), path.name, repair=repair)
    return candles, (*table.notes, *instants.notes, *notes)


def clean_candles(rows: Rows, name: str, *, repair: bool) -> tuple[Candles, tuple[str, ...]]:
    """Candles of the rows of file ``name``, and what repair left out; raises ``DataInvalid``."""
    table = rows.table
    notes: list[str] = []
    notes += settle(rows, row_faults(rows), repair=repair)
    advance()
    duplicates = duplicate_fault(rows)
    notes += settle(rows, duplicates, repair=repair)
    open_time = rows.sorted_times()
    if len(open_time) < 2:
        raise DataInvalid(
            f"{name} holds {len(open_time)} usable candle(s); at least 2 are needed to know "
            "the length of a bar"
        )
    bar_ms = most_common_step(open_time)
    if bar_ms % MS:
        raise DataInvalid(
            f"the most common step between candles is {bar_ms} ms; bars must last whole seconds"
        )
    if bar_ms > LONGEST_BAR_SECONDS * MS:
        raise DataInvalid(
            f"the candles are {bar_ms // MS / 86_400:g} days apart, and bars may last a week at "
            "most (months have no fixed length); choose weekly or shorter candles"
        )
    notes += settle(rows, grid_fault(rows, bar_ms), repair=repair)
    kept, total = int(rows.used.sum()), len(rows.used) + len(table.ragged)
    if kept < LEAST_SHARE_KEPT * total:
        raise DataInvalid(
            f"repair would keep only {kept:,} of {total:,} rows; correct the file instead "
            f"({'; '.join(note for note in notes if note.startswith('repair'))})"
        )
    return _candles(table, rows, bar_ms // MS), tuple(notes)


def most_common_step(open_time: Int64Array) -> int:
    """The bar's length in ms of ascending times, at least two: what most neighbours lie apart."""
    steps, counts = np.unique(np.diff(open_time), return_counts=True)
    return int(steps[np.argmax(counts)])


def _candles(table: CandleTable, rows: Rows, bar_seconds: int) -> Candles:
    order = rows.order()
    if bool(np.array_equal(order, np.arange(len(table.open)))):
        order = slice(None)  # type: ignore[assignment]  # already clean and sorted: no copies
    return Candles(
        rows.instants.milliseconds[order],
        table.open[order], table.high[order], table.low[order], table.close[order],
        table.volume[order],
        bar_seconds,
    )  # fmt: skip
