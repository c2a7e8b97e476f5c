"""From a column of times, however written, to milliseconds since 1970 in UTC."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from runs_app.forecasting.config.reading import DateOrder
from runs_app.forecasting.data.written_dates import UNREAD, read_written_dates

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_EPOCH_UNITS: tuple[tuple[str, float, float], ...] = (
    ("seconds", 1e8, 1e3),
    ("milliseconds", 1e11, 1.0),
    ("microseconds", 1e14, 1e-3),
    ("nanoseconds", 1e17, 1e-6),
)
"""Unit, smallest value, and milliseconds per unit. From 1973 to 5138 the magnitudes do not overlap,

so that each value tells its own unit; below 1973 there are no candles.
"""

_LARGEST = 9.2e18
_EARLIEST_MS, _LATEST_MS = -5_364_662_400_000, 7_258_118_400_000
"""1800 to 2200: a candle outside is a misread number."""

_OFFSET = r"(?i)[0-9](z|[+-][0-9]{2}:?[0-9]{2}|[+-][0-9]{2})$"
_TIME_OF_DAY = ":"
_NAIVE_NOTE = "times without an offset were taken as UTC"


@dataclass(frozen=True)
class Instants:
    """``milliseconds`` since 1970 UTC [rows]; 0 where not ``readable`` [rows].

    ``forms`` are the ways in which the times are written; ``zoned`` is False where some have no
    zone and were taken as UTC.
    """

    milliseconds: Int64Array
    readable: BoolArray
    notes: tuple[str, ...]
    forms: tuple[str, ...] = ()

    @property
    def zoned(self) -> bool:
        """Whether every time names its instant without an assumption about its zone."""
        return _NAIVE_NOTE not in self.notes


def read_instants(column: pa.ChunkedArray, order: DateOrder = DateOrder.AUTO) -> Instants:
    """Read ISO text with any offset, dates, timestamps, epoch s, ms, us or ns, or written dates.

    A time without an offset is taken as UTC, which a note says. A value that is no time is marked
    unreadable; raises ``DataInvalid`` only where most dates have no certain order of day and month
    and ``order`` does not say it.
    """
    instants = _read(column, order)
    possible = (instants.milliseconds >= _EARLIEST_MS) & (instants.milliseconds < _LATEST_MS)
    readable = instants.readable & possible
    milliseconds = np.where(readable, instants.milliseconds, 0)
    return Instants(milliseconds, readable, instants.notes, instants.forms)


def _read(column: pa.ChunkedArray, order: DateOrder) -> Instants:
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _from_timestamps(column)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _from_epoch(column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _from_text(column, order)
    rows = len(column)
    return Instants(np.zeros(rows, np.int64), np.zeros(rows, np.bool_), ())


def _from_timestamps(column: pa.ChunkedArray) -> Instants:
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("s"))
    readable = pc.is_valid(column).to_numpy().astype(np.bool_)
    values = pc.fill_null(column.cast(pa.int64()), 0).to_numpy()
    factor = {"s": 1000, "ms": 1}.get(column.type.unit)
    if factor is None:
        milliseconds = values // {"us": 1000, "ns": 1_000_000}[column.type.unit]
    else:
        readable &= np.abs(values) < _LATEST_MS  # or the product may not fit into 64 bits
        milliseconds = np.where(readable, values, 0) * factor
    notes = (_NAIVE_NOTE,) if column.type.tz is None else ()
    return Instants(milliseconds.astype(np.int64), readable, notes, ("timestamps",))


def _from_epoch(column: pa.ChunkedArray) -> Instants:
    readable = pc.is_valid(column).to_numpy().astype(np.bool_)
    if pa.types.is_integer(column.type):
        numbers = pc.fill_null(column.cast(pa.int64(), safe=False), 0).to_numpy()
        return _scale_epoch(numbers, readable)
    values = pc.fill_null(column.cast(pa.float64()), 0.0).to_numpy()
    return _scale_epoch(values, readable & np.isfinite(values))


def _scale_epoch(values: npt.NDArray[np.number], readable: BoolArray) -> Instants:
    out = np.zeros(len(values), np.int64)
    known = np.zeros(len(values), np.bool_)
    units: list[str] = []
    bounds = [*(low for _, low, _ in _EPOCH_UNITS), _LARGEST]
    for (name, low, factor), high in zip(_EPOCH_UNITS, bounds[1:], strict=True):
        mask = readable & (values >= low) & (values < high)
        if not mask.any():
            continue
        units.append(name)
        known |= mask
        chosen = values[mask]
        if factor >= 1:
            out[mask] = np.rint(chosen * factor).astype(np.int64)
        else:
            out[mask] = (chosen // round(1 / factor)).astype(np.int64)
    notes = (f"the time column mixes {' and '.join(units)} since 1970",) if len(units) > 1 else ()
    return Instants(out, known, notes, tuple(f"epoch {unit}" for unit in units))


def _from_text(column: pa.ChunkedArray, order: DateOrder) -> Instants:
    text = pc.utf8_trim_whitespace(pc.fill_null(column, "")).combine_chunks()
    series = pd.Series(text.to_pandas(), dtype="str")
    parsed = pd.to_datetime(series, format="ISO8601", utc=True, errors="coerce")
    readable = parsed.notna().to_numpy().astype(np.bool_)
    values = parsed.dt.as_unit("ms").astype("int64").to_numpy()
    out = np.where(readable, values, 0).astype(np.int64)
    with_offset = pc.and_(
        pc.match_substring_regex(text, _OFFSET), pc.match_substring(text, _TIME_OF_DAY)
    ).to_numpy(zero_copy_only=False)
    notes: tuple[str, ...] = (_NAIVE_NOTE,) if bool((readable & ~with_offset).any()) else ()
    forms: tuple[str, ...] = ("ISO text",) if bool(readable.any()) else ()
    rest = ~readable
    if rest.any():
        numbers = pd.to_numeric(series[rest], errors="coerce").fillna(0.0).to_numpy(np.float64)
        epoch = _scale_epoch(numbers, np.isfinite(numbers))
        out[rest], readable[rest] = epoch.milliseconds, epoch.readable
        notes += epoch.notes
        forms += epoch.forms
        rest = ~readable
    if rest.any():
        written = read_written_dates(series[rest], of_rows=len(series), order=order)
        known = written.milliseconds != UNREAD
        out[rest], readable[rest] = np.where(known, written.milliseconds, 0), known
        forms += written.forms
        if bool(known.any()) and _NAIVE_NOTE not in notes:
            notes += (_NAIVE_NOTE,)
    return Instants(out, readable, notes, forms)
