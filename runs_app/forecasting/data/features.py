"""What the network sees of one timeframe: scale-free, and known at the close of each bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import talib

from runs_app.forecasting.config.schema import FeaturesConfig, Indicator
from runs_app.forecasting.config.timeframes import WEEK_ANCHOR_SECONDS, duration_seconds
from runs_app.forecasting.data.resample import Bars
from runs_app.forecasting.data.volatility import (
    FORECAST_HALF_LIFE_BARS,
    ewma_volatility,
    log_returns,
)
from runs_app.forecasting.data.warmup import WARMUP_BARS

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
_Named = Iterator[tuple[str, FloatArray]]

CALENDAR = frozenset({"hour_sin", "hour_cos", "weekday_sin", "weekday_cos"})

HALF_LIVES_BARS = (5.0, FORECAST_HALF_LIFE_BARS, 60.0)
"""Fast, usual and slow volatility; what they disagree on tells where volatility is going."""

_TINY = 1e-6
"""Floor of every ratio whose logarithm is taken: a hundredth of a basis point."""

_VOLUME_BARS = 60
_VOLUME_FLOOR = 0.01
_OBV_BARS = 20
_DAY_MS = 86_400_000
_WEEK_MS = 7 * _DAY_MS
_FEW_BARS = 200


@dataclass(frozen=True)
class Features:
    """Columns of float64 [bars] each; ``bounded`` names those that need no scaling."""

    columns: dict[str, FloatArray]
    bounded: frozenset[str]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns in their order [F]."""
        return tuple(self.columns)


class Column(NamedTuple):
    """A feature, float64 [bars]; a ``bounded`` one needs no scaling. The values are its owner's."""

    name: str
    values: FloatArray
    bounded: bool


@dataclass(frozen=True)
class Columns:
    """Features of every bar, one at a time; those of the first ``WARMUP_BARS`` are 0.

    A value depends on its own bar and earlier ones only. Returns, volatility, range and volume are
    always there; indicators and calendar as configured, in the order of ``Indicator``. Who takes
    one column at a time and lets it go needs memory for a few of them, not for all.
    """

    source: Bars
    config: FeaturesConfig

    @property
    def bars(self) -> int:
        """Values per column."""
        return len(self.source)

    @cached_property
    def width(self) -> int:
        """Number of columns, found out on a few bars."""
        return sum(1 for _ in _unscaled(self.source.head(_FEW_BARS), self.config))

    def __iter__(self) -> Iterator[Column]:
        for name, values in _unscaled(self.source, self.config):
            values[:WARMUP_BARS] = 0.0  # TA-Lib starts with NaN; nothing of the warm-up is used
            yield Column(name, values, name in CALENDAR)


def compute_features(bars: Bars, config: FeaturesConfig) -> Features:
    """All of ``Columns`` at once."""
    columns = list(Columns(bars, config))
    return Features(
        {column.name: column.values for column in columns},
        frozenset(column.name for column in columns if column.bounded),
    )


def _unscaled(bars: Bars, config: FeaturesConfig) -> _Named:
    yield from _always(bars)
    for indicator in Indicator:
        if indicator in config.indicators:
            yield from _INDICATORS[indicator](bars).items()
    if config.calendar:
        yield from _calendar(bars)


def _log(ratio: FloatArray) -> FloatArray:
    """Logarithm of the values, which are used up."""
    return np.log(np.maximum(ratio, _TINY, out=ratio), out=ratio)


def _always(bars: Bars) -> _Named:
    returns = log_returns(bars.close)
    yield "log_return", returns.copy()
    before = returns
    for half_life in HALF_LIVES_BARS:
        volatility = ewma_volatility(returns, half_life)
        if half_life == FORECAST_HALF_LIFE_BARS:
            before = np.roll(volatility, 1)  # known before the return came
        yield f"log_volatility_{half_life:.0f}", _log(volatility)
    before[0] = 0.0
    yield "return_over_volatility", returns / np.maximum(before, _TINY, out=before)
    del before
    yield "log_range", _log(np.log(bars.high / bars.low))
    yield "close_in_range", _close_in_range(bars)
    squares = np.square(returns, out=returns)
    rolling = np.maximum(talib.SMA(squares, 20), 0.0)
    del returns, squares
    yield "log_rolling_volatility", _log(np.sqrt(rolling, out=rolling))
    yield "log_relative_volume", _relative_volume(bars)


def _close_in_range(bars: Bars) -> FloatArray:
    spread = np.maximum(bars.high - bars.low, _TINY * bars.close)
    place: FloatArray = (2 * bars.close - bars.high - bars.low) / spread
    return place


def _relative_volume(bars: Bars) -> FloatArray:
    mean_volume = talib.SMA(bars.volume, _VOLUME_BARS)
    least = np.maximum(bars.volume / _VOLUME_BARS, np.finfo(float).tiny)
    share = bars.volume / np.maximum(mean_volume, least)
    return np.log(share + _VOLUME_FLOOR)


def _rsi(bars: Bars) -> dict[str, FloatArray]:
    return {"rsi": talib.RSI(bars.close, 14) / 50.0 - 1.0}


def _true_range(bars: Bars) -> FloatArray:
    """Average true range over 14 bars, never zero, in units of price."""
    return np.maximum(talib.ATR(bars.high, bars.low, bars.close, 14), _TINY * bars.close)


def _macd(bars: Bars) -> dict[str, FloatArray]:
    macd, signal, _ = talib.MACD(bars.close, 12, 26, 9)
    unit = _true_range(bars)
    return {"macd": macd / unit, "macd_histogram": (macd - signal) / unit}


def _atr(bars: Bars) -> dict[str, FloatArray]:
    return {"log_atr": np.log(_true_range(bars) / bars.close)}


def _bb(bars: Bars) -> dict[str, FloatArray]:
    upper, middle, lower = talib.BBANDS(bars.close, 20, 2.0, 2.0)
    width = upper - lower
    flat = width <= _TINY * bars.close
    position = np.where(flat, 0.0, (bars.close - middle) / np.where(flat, 1.0, width / 2))
    return {"bb_position": position, "bb_log_width": _log(width / middle)}


def _ema(bars: Bars) -> dict[str, FloatArray]:
    return {"ema": np.log(bars.close / talib.EMA(bars.close, 20))}


def _sma(bars: Bars) -> dict[str, FloatArray]:
    return {
        "sma_20": np.log(bars.close / talib.SMA(bars.close, 20)),
        "sma_50": np.log(bars.close / talib.SMA(bars.close, 50)),
    }


def _obv(bars: Bars) -> dict[str, FloatArray]:
    """Change of on-balance volume over 20 bars as a share of the volume: from -1 to 1.

    The level of OBV says only where the file began; its change does not.
    """
    balance = talib.OBV(bars.close, bars.volume)
    change = np.zeros_like(balance)
    change[_OBV_BARS:] = balance[_OBV_BARS:] - balance[:-_OBV_BARS]
    total = talib.SMA(bars.volume, _OBV_BARS) * _OBV_BARS
    least = np.maximum(np.abs(change), np.finfo(float).tiny)
    return {"obv": change / np.maximum(total, least)}


def _calendar(bars: Bars) -> _Named:
    """Hour of day and day of week of the bar's close (UTC), as points on a circle."""
    since_monday = bars.available_at - WEEK_ANCHOR_SECONDS * 1000
    step = duration_seconds(bars.timeframe) * 1000
    for name, times, period in (
        ("hour", bars.available_at, _DAY_MS), ("weekday", since_monday, _WEEK_MS),
    ):  # fmt: skip
        phase = times % period
        yield f"{name}_sin", _on_circle(np.sin, phase, period, step)
        yield f"{name}_cos", _on_circle(np.cos, phase, period, step)


def _on_circle(wave: np.ufunc, phase: Int64Array, period: int, step: int) -> FloatArray:
    """``wave`` of each phase (ms into a period): once per place on the bars' grid, then taken."""
    if period % step or len(phase) == 0:
        angles: FloatArray = wave(2 * np.pi * phase / period)
        return angles
    places = np.arange(0, period, step) + int(phase[0]) % step
    table: FloatArray = wave(2 * np.pi * places / period)
    return table[phase // step]


_INDICATORS: dict[Indicator, Callable[[Bars], dict[str, FloatArray]]] = {
    Indicator.RSI: _rsi,
    Indicator.MACD: _macd,
    Indicator.ATR: _atr,
    Indicator.BB: _bb,
    Indicator.EMA: _ema,
    Indicator.SMA: _sma,
    Indicator.OBV: _obv,
}
