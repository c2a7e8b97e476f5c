"""A candle file as columns in file order, each row still knowing its line in the file."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv

from runs_app.forecasting.data.layout import (
    Layout,
    is_header,
    layout_by_name,
    layout_without_header,
)
from runs_app.forecasting.data.source import is_text, read_table, read_text
from runs_app.forecasting.errors import DataInvalid

FloatArray = npt.NDArray[np.float64]

_DELIMITERS = (",", "\t", ";", "|")
_NOT_BLANK = re.compile(rb"\S")


@dataclass(frozen=True)
class CandleTable:
    """The needed columns of a file in file order [rows]; a number that is none is NaN.

    ``time`` is as it stands in the file: text, numbers or timestamps. ``ragged`` are the rows that
    have too many or too few values, as (line, values); they are in no column.
    """

    time: pa.ChunkedArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    column_names: dict[str, str]
    notes: tuple[str, ...] = ()
    ragged: tuple[tuple[int, int], ...] = ()
    columns_expected: int = 0
    _text: bytes | None = field(default=None, repr=False)
    _start: int = 0

    @property
    def row_word(self) -> str:
        """``line`` for text files, ``row`` for Parquet and Feather, which have no lines."""
        return "row" if self._text is None else "line"

    def line(self, row: int) -> int:
        """1-based place in the file of a row counted from 0; blank lines and the header count."""
        if self._text is None:
            return row + 1
        return _line_of(row, self._text, self._start, {line for line, _ in self.ragged})


def read_candle_table(path: Path) -> CandleTable:
    """Read the columns that make candles; raises ``DataInvalid`` when they cannot be told apart."""
    if is_text(path):
        return _from_text(read_text(path))
    table = read_table(path)
    layout = layout_by_name([str(name) for name in table.column_names])
    return _build(table, layout, [str(name) for name in table.column_names])


def _from_text(data: bytes) -> CandleTable:
    start = len(data) - len(data.lstrip(b"\n"))
    end = data.find(b"\n", start)
    first_line = data[start : end if end >= 0 else len(data)].decode("utf-8", "replace")
    delimiter = max(_DELIMITERS, key=first_line.count)
    cells = next(csv.reader([first_line], delimiter=delimiter))
    if is_header(cells):
        layout: Layout | None = layout_by_name(cells)
        start = end + 1 if end >= 0 else len(data)
    else:
        layout = None
    if _NOT_BLANK.search(data, start) is None:
        raise DataInvalid("the file has a header and no candle; choose a file with candles")
    invalid: list[tuple[int, int]] = []
    table = _parse(data, start, delimiter, len(cells), layout, invalid)
    ragged = _ragged_lines(data, start, invalid)
    if layout is None:
        numbers = [_numbers(table.column(i)) for i in range(1, len(cells))]
        skipped = {line for line, _ in ragged}
        layout = layout_without_header(numbers, lambda row: _line_of(row, data, start, skipped))
        cells = [f"{i + 1}" for i in range(len(cells))]
    return _build(table, layout, cells, columns=len(cells), text=data, start=start, ragged=ragged)


def _parse(
    data: bytes,
    start: int,
    delimiter: str,
    columns: int,
    layout: Layout | None,
    ragged: list[tuple[int, int]],
) -> pa.Table:
    """Parse the text below the header; ``ragged`` receives (1-based non-blank row, its values).

    Three tries, the usual case first: typed and on all cores; prices as text, so that a word among
    them spoils only its own row; and on one core without the rows of a wrong length.
    """
    names = [str(i) for i in range(columns)]
    needed = names
    numeric = names[1:]
    if layout is not None:
        used = [*layout.prices(), *([] if layout.volume is None else [layout.volume])]
        numeric = [str(i) for i in used]
        needed = [str(layout.time), *numeric]

    def keep_out(row: pa_csv.InvalidRow) -> str:
        ragged.append((row.number, row.actual_columns))
        return "skip"

    def read(kind: pa.DataType, *, careful: bool) -> pa.Table:
        return pa_csv.read_csv(
            pa.BufferReader(pa.py_buffer(data).slice(start)),
            read_options=pa_csv.ReadOptions(column_names=names, use_threads=not careful),
            parse_options=pa_csv.ParseOptions(
                delimiter=delimiter, invalid_row_handler=keep_out if careful else None
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(numeric, kind), include_columns=needed
            ),
        )

    for kind, careful in ((pa.float64(), False), (pa.string(), False), (pa.string(), True)):
        if careful:
            _refuse_other_encodings(data)
        try:
            table = read(kind, careful=careful)
        except pa.ArrowInvalid as error:
            problem = str(error)
            ragged.clear()
            continue
        return pa.table(
            {name: table[name] if name in needed else pa.nulls(table.num_rows) for name in names}
        )
    raise DataInvalid(f"the file cannot be parsed as delimited text: {problem}")


def _refuse_other_encodings(data: bytes) -> None:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataInvalid(
            f"line {line}: there is a character that is not UTF-8; save the file as CSV in UTF-8",
            row=line,
        ) from None


def _ragged_lines(
    data: bytes, start: int, ragged: list[tuple[int, int]]
) -> tuple[tuple[int, int], ...]:
    """(line in the file, number of values) of each row of a wrong length."""
    if not ragged:
        return ()
    first = data.count(b"\n", 0, start) + 1
    lines = [number for number, text in enumerate(data[start:].split(b"\n"), first) if text]
    return tuple((lines[row - 1], values) for row, values in ragged)


def _line_of(row: int, data: bytes, start: int, ragged: set[int]) -> int:
    """1-based line of a parsed row: blank lines and ragged rows are in the file, not parsed."""
    before = data.count(b"\n", 0, start)
    if not ragged and data.find(b"\n\n", start) < 0:
        return before + row + 1
    seen = -1
    for number, text in enumerate(data[start:].split(b"\n"), before + 1):
        seen += bool(text) and number not in ragged
        if seen == row:
            return number
    raise IndexError(row)


def _build(
    table: pa.Table,
    layout: Layout,
    names: list[str],
    *,
    columns: int = 0,
    text: bytes | None = None,
    start: int = 0,
    ragged: tuple[tuple[int, int], ...] = (),
) -> CandleTable:
    volume = (
        np.zeros(table.num_rows) if layout.volume is None else _numbers(table.column(layout.volume))
    )
    places = {
        "time": layout.time, "open": layout.open, "high": layout.high,
        "low": layout.low, "close": layout.close,
    }  # fmt: skip
    if layout.volume is not None:
        places["volume"] = layout.volume
    return CandleTable(
        time=table.column(layout.time),
        open=_numbers(table.column(layout.open)),
        high=_numbers(table.column(layout.high)),
        low=_numbers(table.column(layout.low)),
        close=_numbers(table.column(layout.close)),
        volume=volume,
        column_names={role: names[place] for role, place in places.items()},
        notes=layout.notes,
        ragged=ragged,
        columns_expected=columns,
        _text=text,
        _start=start,
    )


def _numbers(column: pa.ChunkedArray) -> FloatArray:
    """A column as float64 [rows], NaN where there is no finite number."""
    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        values: FloatArray = column.cast(pa.float64(), safe=False).to_numpy().copy()
    elif pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    else:
        text = pd.Series(column.to_pandas()).astype(str)
        values = pd.to_numeric(text, errors="coerce").to_numpy(np.float64, copy=True)
    values[~np.isfinite(values)] = np.nan
    return values
