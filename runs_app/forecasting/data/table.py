"""A candle file as columns in file order, each row still knowing its line in the file."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from runs_app.forecasting.config.reading import AS_WRITTEN, ColumnOrder, Reading
from runs_app.forecasting.data.header import Header, read_header
from runs_app.forecasting.data.json_rows import read_json_rows
from runs_app.forecasting.data.layout import (
    Layout,
    layout_by_name,
    layout_without_header,
)
from runs_app.forecasting.data.lean import lean_price_scale
from runs_app.forecasting.data.numerals import read_numbers
from runs_app.forecasting.data.source import is_json, is_text, read_table, read_text
from runs_app.forecasting.errors import DataInvalid

FloatArray = npt.NDArray[np.float64]

_LEAST_EPOCH = 1e6
"""Below it a first column is no epoch and no date written as one number (20240131)."""
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
    header: str = ""
    """What tells the columns apart, in words."""
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
        return self._row_lines(row)

    @cached_property
    def _row_lines(self) -> Callable[[int], int]:
        return row_lines(self._text or b"", self._start, {line for line, _ in self.ragged})


def read_candle_table(path: Path, reading: Reading = AS_WRITTEN) -> CandleTable:
    """Read the columns that make candles; raises ``DataInvalid`` when they cannot be told apart."""
    if is_json(path):
        return _from_json(read_text(path), reading.column_order)
    if is_text(path):
        return _from_text(read_text(path), reading.column_order)
    table = read_table(path)
    layout = layout_by_name([str(name) for name in table.column_names])
    return _build(table, layout, [str(name) for name in table.column_names], header="named columns")


def _from_json(data: bytes, order: ColumnOrder) -> CandleTable:
    table, names = read_json_rows(data)
    if names is not None:
        return _build(table, layout_by_name(names), names, header="a list of objects")
    numbers = [read_numbers(table.column(i)) for i in range(1, table.num_columns)]
    layout = layout_without_header(numbers, lambda row: row + 1, order)
    names = [f"{i + 1}" for i in range(table.num_columns)]
    return _build(table, layout, names, header="a list of lists")


def _from_text(data: bytes, order: ColumnOrder) -> CandleTable:
    header = read_header(data)
    start = header.start
    layout: Layout | None = None
    if header.names is not None:
        layout = _with_clock(layout_by_name(header.names), header)
    if _NOT_BLANK.search(data, start) is None:
        raise DataInvalid("the file has a header and no candle; choose a file with candles")
    invalid: list[tuple[int, int]] = []
    table = _parse(data, header, layout, invalid)
    ragged = _ragged_lines(data, start, invalid)
    names = header.names or tuple(f"{i + 1}" for i in range(header.columns))
    if layout is None:
        skipped = {line for line, _ in ragged}
        layout = _recognised(table, header, lambda row: row_lines(data, start, skipped)(row), order)
    layout = replace(layout, notes=(*header.notes, *layout.notes))
    separator = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}[header.delimiter]
    found = "no header" if header.names is None else "a header with names"
    return _build(
        table, layout, list(names), columns=len(names), text=data, start=start, ragged=ragged,
        header=f"{found}, values set apart by a {separator}",
    )  # fmt: skip


def _with_clock(layout: Layout, header: Header) -> Layout:
    if header.date is None:
        return layout
    return replace(layout, time=header.date, clock=header.clock)


def _recognised(
    table: pa.Table, header: Header, line_of: Callable[[int], int], order: ColumnOrder
) -> Layout:
    """The layout of a table without header; a date and a time of day count as one column."""
    shift = 0 if header.clock is None else 1
    numbers = [read_numbers(table.column(i)) for i in range(1 + shift, header.columns)]
    times = table.column(0)
    if pa.types.is_floating(times.type) and bool(np.all(read_numbers(times) < _LEAST_EPOCH)):
        raise DataInvalid(
            "the file has no header, and its first column holds no times, so that it is no candle "
            "file; add a time column and a first line such as time,open,high,low,close,volume"
        )
    scale = lean_price_scale(times, numbers, order)
    layout = layout_without_header(numbers, line_of, order)
    if scale != 1.0:
        note = "the layout of Lean: prices were divided by 10,000, times are those of the exchange"
        layout = replace(layout, price_scale=scale, notes=(*layout.notes, note))
    if not shift:
        return layout
    open_, high, low, close = (place + 1 for place in layout.prices())
    volume = None if layout.volume is None else layout.volume + 1
    return Layout(0, open_, high, low, close, volume, layout.notes, clock=1)


def _parse(
    data: bytes,
    header: Header,
    layout: Layout | None,
    ragged: list[tuple[int, int]],
) -> pa.Table:
    """Parse the text below the header; ``ragged`` receives (1-based non-blank row, its values).

    Three tries, the usual case first: typed and on all cores; prices as text, so that a word among
    them spoils only its own row; and on one core without the rows of a wrong length.
    """
    names = [str(i) for i in range(header.columns)]
    needed = names
    apart = [] if header.date is None else [str(header.date), str(header.clock)]
    numeric = [name for name in names[1:] if name not in apart]
    if layout is not None:
        used = [*layout.prices(), *([] if layout.volume is None else [layout.volume])]
        numeric = [str(i) for i in used]
        needed = [*(apart or [str(layout.time)]), *numeric]

    def keep_out(row: pa_csv.InvalidRow) -> str:
        ragged.append((row.number, row.actual_columns))
        return "skip"

    def read(kind: pa.DataType, *, careful: bool) -> pa.Table:
        return pa_csv.read_csv(
            pa.BufferReader(pa.py_buffer(data).slice(header.start)),
            read_options=pa_csv.ReadOptions(column_names=names, use_threads=not careful),
            parse_options=pa_csv.ParseOptions(
                delimiter=header.delimiter, invalid_row_handler=keep_out if careful else None
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(apart, pa.string()) | dict.fromkeys(numeric, kind),
                include_columns=needed,
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


def row_lines(data: bytes, start: int, ragged: set[int]) -> Callable[[int], int]:
    """From a parsed row to its 1-based line: blank lines and ragged rows are in the file only."""
    first = data.count(b"\n", 0, start) + 1
    if not ragged and data.find(b"\n\n", start) < 0:
        return lambda row: first + row
    texts = enumerate(data[start:].split(b"\n"), first)
    lines = np.array([number for number, text in texts if text and number not in ragged])
    return lambda row: int(lines[row])


def _build(
    table: pa.Table,
    layout: Layout,
    names: list[str],
    *,
    columns: int = 0,
    text: bytes | None = None,
    start: int = 0,
    ragged: tuple[tuple[int, int], ...] = (),
    header: str,
) -> CandleTable:
    volume = (
        np.zeros(table.num_rows)
        if layout.volume is None
        else read_numbers(table.column(layout.volume))
    )
    places = {
        "time": layout.time, "open": layout.open, "high": layout.high,
        "low": layout.low, "close": layout.close,
    }  # fmt: skip
    if layout.volume is not None:
        places["volume"] = layout.volume
    time = table.column(layout.time)
    if layout.clock is not None:
        time = pc.binary_join_element_wise(time, table.column(layout.clock), " ")
    open_, high, low, close = (read_numbers(table.column(place)) for place in layout.prices())
    if layout.price_scale != 1.0:
        open_, high, low, close = (
            prices * layout.price_scale for prices in (open_, high, low, close)
        )
    return CandleTable(
        time=time,
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=volume,
        column_names={role: names[place] for role, place in places.items()},
        notes=layout.notes,
        header=header,
        ragged=ragged,
        columns_expected=columns,
        _text=text,
        _start=start,
    )
