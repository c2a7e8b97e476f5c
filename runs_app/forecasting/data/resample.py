"""Bars of any timeframe from the base candles, and the one rule for when a bar may be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from runs_app.forecasting.config.timeframes import WEEK_ANCHOR_SECONDS, duration_seconds
from runs_app.forecasting.data.candles import MS, Candles
from runs_app.forecasting.errors import DataInvalid
from runs_app.forecasting.progress import advance

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]


REALISED_SECONDS = 300
"""Returns over five minutes make up a realised variance where the candles allow: over shorter ones
bid and ask take turns and pass for volatility (Liu, Patton and Sheppard 2015)."""


@dataclass(frozen=True)
class Bars:
    """Closed bars of one timeframe in order of time, all arrays [bars].

    ``open_time`` and ``available_at`` (the bar's nominal close) are milliseconds since 1970 UTC.
    A decision at time t may use a bar only if ``available_at <= t``. A bar in whose time no base
    candle lies is absent, never filled. ``realised`` is each bar's realised variance, the sum of
    the squared log-returns of finer bars inside it (Andersen and Bollerslev 1998); None where the
    base candles are not finer.
    """

    timeframe: str
    open_time: Int64Array
    available_at: Int64Array
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    realised: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.open_time)

    def head(self, bars: int) -> Bars:
        """The first so many of them."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self)[1:])
        return replace(self, **{name: v[:bars] for name, v in values if v is not None})


def resample_all(candles: Candles, timeframes: Sequence[str]) -> tuple[Bars, ...]:
    """``resample`` to each of the timeframes; what they share is computed once."""
    shared: dict[int, FloatArray] = {}
    return tuple(_resample(candles, timeframe, shared) for timeframe in timeframes)


def resample(candles: Candles, timeframe: str) -> Bars:
    """Join the base candles to bars of ``timeframe``.

    Bars open on round UTC times, weeks on Monday 00:00, shifted by the offset of the file's own
    grid if it has one (a session that opens at 13:30 has hours that open at half past). A first
    bar that the file enters half-way, and a last one that the file leaves before its close, are
    dropped. Raises ``DataInvalid`` when the timeframe is no whole multiple of the file's bars.
    """
    return _resample(candles, timeframe, {})


def _resample(candles: Candles, timeframe: str, shared: dict[int, FloatArray]) -> Bars:
    advance()
    seconds = duration_seconds(timeframe)
    if seconds % candles.bar_seconds:
        raise DataInvalid(
            f"bars of {timeframe} cannot be made from candles of {candles.bar_seconds} seconds; "
            "choose a timeframe that is a whole multiple of the file's own"
        )
    span = seconds * MS
    if seconds == candles.bar_seconds:
        return _as_they_are(candles, timeframe)
    anchor = WEEK_ANCHOR_SECONDS * MS + candles.grid_offset_ms
    bucket = (candles.open_time - anchor) // span
    starts = np.flatnonzero(np.diff(bucket, prepend=bucket[0] - 1))
    ends = np.append(starts[1:], len(bucket)) - 1
    open_time = bucket[starts] * span + anchor
    first = int(candles.open_time[0] > open_time[0])
    last_close = candles.open_time[-1] + candles.bar_seconds * MS
    end = len(starts) - int(last_close < open_time[-1] + span)
    kept = slice(first, max(first, end))
    step = _realised_seconds(candles.bar_seconds, seconds) * MS
    realised = None
    if step:
        if step not in shared:
            shared[step] = _squared_steps(candles.close, (candles.open_time - anchor) // step)
        realised = np.add.reduceat(shared[step], starts)[kept]
    return Bars(
        timeframe=timeframe,
        open_time=open_time[kept],
        available_at=open_time[kept] + span,
        open=candles.open[starts][kept],
        high=np.maximum.reduceat(candles.high, starts)[kept],
        low=np.minimum.reduceat(candles.low, starts)[kept],
        close=candles.close[ends][kept],
        volume=np.add.reduceat(candles.volume, starts)[kept],
        realised=realised,
    )


def _squared_steps(close: FloatArray, step: Int64Array) -> FloatArray:
    """Squared log-returns from one step's last close to the next one's, at that close [candles].

    Their sum over a bar is its realised variance; the first return of a bar reaches back to the
    close before it.
    """
    price = np.log(close)
    last = np.diff(step, append=step[-1] + 1) != 0
    squares = np.zeros_like(price)
    squares[last] = np.diff(price[last], prepend=price[0]) ** 2
    return squares


def _realised_seconds(candle_seconds: int, bar_seconds: int) -> int:
    """From how long steps the variance of a bar is made; 0 where the candles are not finer."""
    if candle_seconds >= bar_seconds:
        return 0
    whole = REALISED_SECONDS % candle_seconds == 0 == bar_seconds % REALISED_SECONDS
    return REALISED_SECONDS if whole and bar_seconds > REALISED_SECONDS else candle_seconds


def _as_they_are(candles: Candles, timeframe: str) -> Bars:
    """The file's own bars, without a copy."""
    return Bars(
        timeframe, candles.open_time, candles.open_time + candles.bar_seconds * MS,
        candles.open, candles.high, candles.low, candles.close, candles.volume,
    )  # fmt: skip


def last_visible(bars: Bars, decision_time: Int64Array) -> Int64Array:
    """Index of the last bar closed at each decision time [N]; -1 where there is none yet.

    The only way from an instant to a bar, for inputs and labels alike; nothing else searches times
    for bars, and ``tests/architecture/test_one_join.py`` holds that.
    """
    if decision_time is bars.available_at:  # each bar is the last one closed at its own close
        return np.arange(len(bars))
    return np.searchsorted(bars.available_at, decision_time, side="right") - 1
