"""Which column is what: by its name, or without a header by what must hold of every candle."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from runs_app.forecasting.config.reading import ColumnOrder
from runs_app.forecasting.counted import counted
from runs_app.forecasting.errors import DataInvalid, ReadingAmbiguous

PRICES: tuple[str, ...] = ("open", "high", "low", "close")

_TIME_NAMES = (
    "opentime", "timeopen", "timestamp", "timestamps", "unix", "unixtime", "unixtimestamp",
    "epoch", "time", "datetime", "date", "ts", "indexlevel0", "index",
)  # fmt: skip
"""In order of preference: a file may have several, and the time a bar opens is what is wanted.

Epoch columns come before text ones, because they cannot be misread.
"""

_CLOSE_NAMES = ("closelast", "price")
"""What Nasdaq and Investing.com call the close; taken only where no column is called close."""

_HEADERLESS_ORDERS: dict[ColumnOrder, tuple[str, tuple[int, int, int, int]]] = {
    ColumnOrder.OHLC: ("time, open, high, low, close, volume", (1, 2, 3, 4)),
    ColumnOrder.OCHL: ("time, open, close, high, low, volume (Bitfinex)", (1, 3, 4, 2)),
}
"""Words, and positions of open, high, low, close, for each order of a file without header."""

_QUOTE_COLUMNS = 11

HEADERLESS_COLUMNS: tuple[int, ...] = (6, 7, 12)
"""Column counts known without a header: OHLCV, OHLCV and trades (Kraken), Binance klines."""


_CLOSE_TIME = 6
_EPOCH_MS = 1e11
"""In a Binance kline file the seventh column is a time too, in milli- or microseconds."""


@dataclass(frozen=True)
class Layout:
    """Positions of the columns, counted from 0; ``volume`` is None where the file has none."""

    time: int
    open: int
    high: int
    low: int
    close: int
    volume: int | None
    notes: tuple[str, ...] = ()
    clock: int | None = None
    """The column of the time of day, where ``time`` holds the date alone."""
    price_scale: float = 1.0

    def prices(self) -> tuple[int, int, int, int]:
        """Positions of open, high, low and close."""
        return self.open, self.high, self.low, self.close


_QUOTES: dict[ColumnOrder, Layout] = {
    ColumnOrder.BID: Layout(0, 1, 2, 3, 4, 5, ("quotes: the bid side was read",)),
    ColumnOrder.ASK: Layout(0, 6, 7, 8, 9, 10, ("quotes: the ask side was read",)),
}


def plain_name(name: str) -> str:
    """A column name without case, spaces and punctuation: ``Volume BTC`` is ``volumebtc``."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def is_header(cells: Sequence[str]) -> bool:
    """Whether the first line of a file names columns: at least one known name, or no number."""
    plain = {plain_name(cell) for cell in cells}
    return bool(plain & {*PRICES, *_TIME_NAMES}) or not any(_is_number(cell) for cell in cells[1:])


def layout_by_name(names: Sequence[str]) -> Layout:
    """Find time, open, high, low, close and volume among the column names.

    Raises ``DataInvalid`` naming what is missing or there twice, and the columns that are there.
    """
    plain = [plain_name(name) for name in names]
    there = ", ".join(name or "(no name)" for name in names[:20])
    time = _first(plain, names, _TIME_NAMES)
    if time is None:
        raise DataInvalid(
            f"no time column was found; name it time, timestamp, date or open_time. The columns "
            f"are: {there}"
        )
    found = {price: _first(plain, names, (price,)) for price in PRICES}
    if found["close"] is None:
        found["close"] = _first(plain, names, _CLOSE_NAMES)
    missing = [price for price, position in found.items() if position is None]
    if missing:
        raise DataInvalid(
            f"the column {' and the column '.join(missing)} {'is' if len(missing) == 1 else 'are'} "
            f"missing; the columns are: {there}",
            column=missing[0],
        )
    positions = {price: position for price, position in found.items() if position is not None}
    volume, notes = _volume(plain, names)
    return Layout(time=time, **positions, volume=volume, notes=notes)


def layout_without_header(
    columns: Sequence[npt.NDArray[np.float64]],
    line_of: Callable[[int], int],
    order: ColumnOrder = ColumnOrder.AUTO,
) -> Layout:
    """The layout of a file without header.

    ``columns`` are the numbers [rows] of all columns from the second on, NaN where there is none;
    ``line_of`` tells the line of a row, for the message. Raises ``DataInvalid``.
    Twelve columns are a Binance kline file. Otherwise the one order of open, high, low and close
    is taken that holds on every row (no high below, no low above another price); where two hold,
    or none, the file is refused unless ``order`` says which is meant, since a guess would silently
    exchange prices.
    """
    count = len(columns) + 1
    if order in _QUOTES:
        return _quotes(count, order)
    if count not in HEADERLESS_COLUMNS:
        raise DataInvalid(
            f"the file has no header and {counted(count, 'column')}, which is no known layout; "
            "add a first line such as time,open,high,low,close,volume"
        )
    if count == 12:
        if not bool(np.all(columns[_CLOSE_TIME - 1] > _EPOCH_MS)):
            raise DataInvalid(
                "the file has no header and 12 columns, but is no Binance kline file: column 7 is "
                "no close time; add a first line that names the columns"
            )
        return Layout(0, 1, 2, 3, 4, 5, ("no header: read as a Binance kline file",))
    if count == 7 and not bool(np.all(np.isnan(columns[5]) | (columns[5] % 1 == 0))):
        raise DataInvalid(
            "the file has no header and 7 columns, of which the last is no count of trades; add a "
            "first line such as time,open,high,low,close,volume"
        )
    if order != ColumnOrder.AUTO:
        name, places = _HEADERLESS_ORDERS[order]
        return Layout(0, *places, 5, (f"no header: the columns were said to be {name}",))
    order = _only_order(columns, line_of)
    name, places = _HEADERLESS_ORDERS[order]
    return Layout(0, *places, 5, (f"no header: the columns were recognised as {name}",))


def _quotes(count: int, side: ColumnOrder) -> Layout:
    if count != _QUOTE_COLUMNS:
        raise DataInvalid(
            f"the order of prices is given as {side}, but the file holds no quotes ({count} "
            f"columns instead of {_QUOTE_COLUMNS}); "
            f"choose auto, {ColumnOrder.OHLC} or {ColumnOrder.OCHL}"
        )
    return _QUOTES[side]


def _only_order(
    columns: Sequence[npt.NDArray[np.float64]], line_of: Callable[[int], int]
) -> ColumnOrder:
    breaks = {o: _first_break(columns, places) for o, (_, places) in _HEADERLESS_ORDERS.items()}
    fitting = [order for order, row in breaks.items() if row is None]
    if len(fitting) == 1:
        return fitting[0]
    orders = " and ".join(
        f"'{_HEADERLESS_ORDERS[order][0]}'"
        + ("" if row is None else f" (breaks on line {line_of(row)})")
        for order, row in breaks.items()
    )
    raise ReadingAmbiguous(
        f"the file has no header, and its column order cannot be told: of {orders} "
        f"{'both fit' if fitting else 'neither fits'} every row (the high must be the highest "
        "price, the low the lowest). Add a first line that names the columns",
        field="column_order",
        readings=tuple(_HEADERLESS_ORDERS),
    )


def _first_break(
    columns: Sequence[npt.NDArray[np.float64]], order: tuple[int, int, int, int]
) -> int | None:
    """The first row on which this order cannot be, or None where it holds on all."""
    open_, high, low, close = (columns[position - 1] for position in order)
    top, bottom = np.fmax(open_, close), np.fmin(open_, close)
    broken = (high < top) | (low > bottom) | (high < low)  # NaN compares false: judged elsewhere
    return int(np.argmax(broken)) if broken.any() else None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _first(plain: list[str], names: Sequence[str], wanted: Sequence[str]) -> int | None:
    for name in wanted:
        if plain.count(name) > 1:
            raise DataInvalid(
                f"two columns are called {names[plain.index(name)]}; keep one of them",
                column=names[plain.index(name)],
            )
        if name in plain:
            return plain.index(name)
    return None


def _volume(plain: list[str], names: Sequence[str]) -> tuple[int | None, tuple[str, ...]]:
    if "tickvol" in plain:  # MetaTrader's other volume is 0 wherever there is no exchange
        return plain.index("tickvol"), ("volume is the number of ticks (TICKVOL)",)
    position = _first(plain, names, ("volume", "vol"))
    if position is not None:
        return position, ()
    for position, name in enumerate(plain):
        if name.startswith("vol") and not name.startswith("volatil"):
            return position, (f"volume is taken from the column {names[position]}",)
    return None, ("the file has no volume column: volume is 0 everywhere",)
