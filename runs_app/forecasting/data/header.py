"""The first lines of a text file: banner, one or three lines of names, or none at all."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass

from runs_app.forecasting.data.layout import is_header, plain_name
from runs_app.forecasting.errors import DataInvalid

_DELIMITERS = (",", "\t", ";", "|")
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?")
_DAY = re.compile(r"\d{4}([-./]?)\d{2}\1\d{2}|\d{1,2}[-./]\d{1,2}[-./]\d{4}")


@dataclass(frozen=True)
class Header:
    """What stands above the first row of values, and how a row is cut.

    ``names`` is None for a file without header. ``clock`` is the position of the time of day where
    the date stands in a column of its own, at position ``date``.
    """

    names: tuple[str, ...] | None
    columns: int
    start: int
    delimiter: str
    date: int | None = None
    clock: int | None = None
    notes: tuple[str, ...] = ()


def read_header(data: bytes) -> Header:
    """Tell the header of a text that is not blank.

    Raises ``DataInvalid`` where it holds two symbols.

    A banner above the names (CryptoDataDownload), the three lines of yfinance, and a header that
    lacks the name of the time of day (backtrader) are known; each is told by what follows it.
    """
    begin = len(data) - len(data.lstrip(b"\n"))
    lines, ends = _first_lines(data, begin)
    notes: tuple[str, ...] = ()
    if len(lines) > 1 and not _has_prices(lines[0]) and _has_prices(lines[1]):
        notes = (f"line 1 was skipped, it is a banner: {lines[0].strip()[:80]}",)
        begin, lines, ends = ends[0], lines[1:], ends[1:]
    delimiter = max(_DELIMITERS, key=lines[0].count)
    rows = [_cells(line, delimiter) for line in lines]
    cells, below = rows[0], rows[1:]
    if _is_yfinance(rows):
        names = _yfinance_names(rows)
        return Header(
            names, len(names), ends[2], delimiter, notes=("three header lines of yfinance",)
        )
    if not is_header(cells):
        split = len(cells) > 1 and _is_day(cells[0]) and _is_clock(cells[1])
        date, clock = (0, 1) if split else (None, None)
        return Header(None, len(cells), begin, delimiter, date, clock, notes)
    return _named(cells, below[0] if below else [], ends[0], delimiter, notes)


def _named(
    cells: list[str], values: list[str], start: int, delimiter: str, notes: tuple[str, ...]
) -> Header:
    plain = [plain_name(cell) for cell in cells]
    if "date" not in plain:
        return Header(tuple(cells), len(cells), start, delimiter, notes=notes)
    date = plain.index("date")
    unnamed = len(values) == len(cells) + 1 and "time" not in plain
    if unnamed and _is_day(values[date]) and _is_clock(values[date + 1]):
        cells = [*cells[: date + 1], "Time", *cells[date + 1 :]]
        plain = [*plain[: date + 1], "time", *plain[date + 1 :]]
        notes += ("the header lacks the name of the column after the date, which is the time",)
    clock = plain.index("time") if "time" in plain else None
    if clock is None or clock >= len(values) or not _is_clock(values[clock]):
        return Header(tuple(cells), len(cells), start, delimiter, notes=notes)
    return Header(tuple(cells), len(cells), start, delimiter, date, clock, notes)


def _first_lines(data: bytes, begin: int, most: int = 4) -> tuple[list[str], list[int]]:
    """The first lines from ``begin`` on, and where the line after each one begins."""
    lines: list[str] = []
    ends: list[int] = []
    while begin < len(data) and len(lines) < most:
        end = data.find(b"\n", begin)
        end = len(data) if end < 0 else end
        lines.append(data[begin:end].decode("utf-8", "replace"))
        begin = min(end + 1, len(data))
        ends.append(begin)
    return lines, ends


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error as error:
        raise DataInvalid(
            f"the first lines cannot be read as delimited text ({error}); save the file as CSV"
        ) from None


def _has_prices(line: str) -> bool:
    delimiter = max(_DELIMITERS, key=line.count)
    plain = {plain_name(cell) for cell in line.split(delimiter)}
    return {"open", "high", "low"} <= plain


def _is_yfinance(rows: list[list[str]]) -> bool:
    if len(rows) < 3 or not all(rows[:3]):
        return False
    first = [plain_name(row[0]) for row in rows[:3]]
    return first[:2] == ["price", "ticker"] and first[2] in {"date", "datetime"}


def _yfinance_names(rows: list[list[str]]) -> tuple[str, ...]:
    tickers = sorted(set(rows[1][1:]))
    if len(tickers) > 1:
        raise DataInvalid(
            f"the file holds {len(tickers)} tickers ({', '.join(tickers[:5])}); "
            "keep the columns of one ticker"
        )
    return (rows[2][0], *rows[0][1:])


def _is_clock(cell: str) -> bool:
    return _CLOCK.fullmatch(cell.strip()) is not None


def _is_day(cell: str) -> bool:
    return _DAY.fullmatch(cell.strip()) is not None
