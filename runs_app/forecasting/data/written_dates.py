"""Dates as people and programs write them when they do not write ISO: read, or refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from runs_app.forecasting.config.reading import DateOrder
from runs_app.forecasting.errors import DataInvalid, ReadingAmbiguous

_FORMATS = ("%Y-%m-%d %I-%p", "%b %d, %Y", "%Y.%m.%d", "%Y.%m.%d %H:%M", "%Y.%m.%d %H:%M:%S")
"""CryptoDataDownload, Investing.com, and three of MetaTrader."""

UNREAD = np.iinfo(np.int64).min

_PIVOT = 69
"""Years of two digits are 1969 to 2068, as in POSIX."""

_DAY_MONTH_YEAR = (
    r"^(?P<a>\d{1,2})(?P<mark>[/.-])(?P<b>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})"
    r"(?:[ ,T]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?)?$"
)


@dataclass(frozen=True)
class WrittenDates:
    """``milliseconds`` since 1970 UTC [rows], UNREAD where the text is no time; ``forms`` found."""

    milliseconds: npt.NDArray[np.int64]
    forms: tuple[str, ...]


def read_written_dates(text: pd.Series, *, of_rows: int, order: DateOrder) -> WrittenDates:
    """Read times without offset.

    ``text`` are the rows, out of ``of_rows``, that are no ISO text. Where ``order`` is automatic
    and the order of day and month cannot be told from all rows together, ``ReadingAmbiguous`` or
    ``DataInvalid`` is raised; a few such rows among others are unreadable like any other.
    """
    out = np.full(len(text), UNREAD, np.int64)
    forms: list[str] = []
    for form in _FORMATS:
        rest = np.flatnonzero(out == UNREAD)
        parsed = pd.to_datetime(text.iloc[rest], format=form, errors="coerce")
        if parsed.notna().any():
            _fill(out, rest, parsed)
            forms.append(f"text such as {text.iloc[rest[int(parsed.notna().argmax())]]}")
    rest = np.flatnonzero(out == UNREAD)
    if len(rest):
        parts = text.iloc[rest].str.extract(_DAY_MONTH_YEAR)
        there = parts["a"].notna().to_numpy()
        if there.any():
            try:
                day_first = _day_first(text.iloc[rest[there]], parts[there], order)
                _fill(
                    out,
                    rest[there],
                    _by_parts(text.iloc[rest[there]], parts[there], day_first=day_first),
                )
                forms.append("day/month/year" if day_first else "month/day/year")
            except DataInvalid:
                if 2 * int(there.sum()) > of_rows:
                    raise
    return WrittenDates(out, tuple(forms))


def _fill(out: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], parsed: pd.Series) -> None:
    known = parsed.notna().to_numpy()
    values = parsed.dt.as_unit("ms").astype("int64").to_numpy()
    out[rows[known]] = values[known]


def _day_first(text: pd.Series, parts: pd.DataFrame, order: DateOrder) -> bool:
    """Whether the day comes before the month; the refusal where neither is certain."""
    if order != DateOrder.AUTO:
        return order == DateOrder.DAY_FIRST
    a, b = parts["a"].astype(int), parts["b"].astype(int)
    year = parts["year"].astype(int)
    short = (parts["year"].str.len() == 2).to_numpy()
    day_first, month_first = bool((a > 12).any()), bool((b > 12).any())
    example = str(text.iloc[0])
    if not day_first and not month_first:
        raise ReadingAmbiguous(
            f"dates such as {example}: whether day or month comes first cannot be told (both fit); "
            "write them as 2024-01-31",
            field="date_order",
            readings=(DateOrder.DAY_FIRST, DateOrder.MONTH_FIRST),
        )
    if day_first and month_first:
        raise DataInvalid(
            f"dates such as {example}: whether day or month comes first cannot be told (some dates "
            "can only be the one, some only the other); write them as 2024-01-31"
        )
    if day_first and bool((short & (year <= 31)).any()):
        raise DataInvalid(
            f"dates such as {example}: whether day or year comes first cannot be told; write them "
            "as 2024-01-31"
        )
    return day_first


def _by_parts(text: pd.Series, parts: pd.DataFrame, *, day_first: bool) -> pd.Series:
    a, b = parts["a"].astype(int), parts["b"].astype(int)
    year = parts["year"].astype(int)
    short = (parts["year"].str.len() == 2).to_numpy()
    fields = {
        "year": np.where(short, year + np.where(year < _PIVOT, 2000, 1900), year),
        "month": b if day_first else a,
        "day": a if day_first else b,
        **{name: parts[name].fillna("0").astype(int) for name in ("hour", "minute", "second")},
    }
    return pd.to_datetime(pd.DataFrame(fields, index=text.index), errors="coerce")
