"""Dates as people and programs write them when they do not write ISO: read, or refused."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from runs_app.forecasting.errors import DataInvalid

_FORMATS = ("%Y-%m-%d %I-%p", "%b %d, %Y", "%Y.%m.%d", "%Y.%m.%d %H:%M", "%Y.%m.%d %H:%M:%S")
"""CryptoDataDownload, Investing.com, and three of MetaTrader."""

UNREAD = np.iinfo(np.int64).min

_PIVOT = 69
"""Years of two digits are 1969 to 2068, as in POSIX."""

_DAY_MONTH_YEAR = (
    r"^(?P<a>\d{1,2})(?P<mark>[/.-])(?P<b>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})"
    r"(?:[ ,T]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?)?$"
)


def read_written_dates(text: pd.Series, *, of_rows: int) -> npt.NDArray[np.int64]:
    """Milliseconds since 1970 UTC [rows] of times without offset; UNREAD where the text is no time.

    ``text`` are the rows, out of ``of_rows``, that are no ISO text. Where the order of day and month
    cannot be told from all rows together, ``DataInvalid`` is raised; a few such rows among others
    are unreadable like any other.
    """
    out = np.full(len(text), UNREAD, np.int64)
    for form in _FORMATS:
        rest = np.flatnonzero(out == UNREAD)
        if len(rest):
            _fill(out, rest, pd.to_datetime(text.iloc[rest], format=form, errors="coerce"))
    rest = np.flatnonzero(out == UNREAD)
    if len(rest):
        parts = text.iloc[rest].str.extract(_DAY_MONTH_YEAR)
        there = parts["a"].notna().to_numpy()
        if there.any():
            try:
                _fill(out, rest[there], _by_parts(text.iloc[rest[there]], parts[there]))
            except DataInvalid:
                if 2 * int(there.sum()) > of_rows:
                    raise
    return out


def _fill(out: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], parsed: pd.Series) -> None:
    known = parsed.notna().to_numpy()
    values = parsed.dt.as_unit("ms").astype("int64").to_numpy()
    out[rows[known]] = values[known]


def _by_parts(text: pd.Series, parts: pd.DataFrame) -> pd.Series:
    a, b = parts["a"].astype(int), parts["b"].astype(int)
    year = parts["year"].astype(int)
    short = (parts["year"].str.len() == 2).to_numpy()
    day_first, month_first = bool((a > 12).any()), bool((b > 12).any())
    example = str(text.iloc[0])
    if day_first == month_first:
        why = "some dates can only be the one, some only the other" if day_first else "both fit"
        raise DataInvalid(
            f"dates such as {example}: whether day or month comes first cannot be told ({why}); "
            "write them as 2024-01-31"
        )
    if day_first and bool((short & (year <= 31)).any()):
        raise DataInvalid(
            f"dates such as {example}: whether day or year comes first cannot be told; write them "
            "as 2024-01-31"
        )
    fields = {
        "year": np.where(short, year + np.where(year < _PIVOT, 2000, 1900), year),
        "month": b if day_first else a,
        "day": a if day_first else b,
        **{name: parts[name].fillna("0").astype(int) for name in ("hour", "minute", "second")},
    }
    return pd.to_datetime(pd.DataFrame(fields, index=text.index), errors="coerce")
