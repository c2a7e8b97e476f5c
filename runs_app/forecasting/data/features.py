"""What the network sees of one timeframe: scale-free, and known at the close of each bar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import talib

from runs_app.forecasting.config.schema import FeaturesConfig, Indicator
from runs_app.forecasting.config.timeframes import WEEK_ANCHOR_SECONDS
from runs_app.forecasting.data.resample import Bars
from runs_app.forecasting.data.volatility import (
    FORECAST_HALF_LIFE_BARS,
    ewma_volatility,
    log_returns,
)
from runs_app.forecasting.data.warmup import WARMUP_BARS

FloatArray = npt.NDArray[np.float64]

HALF_LIVES_BARS = (5.0, FORECAST_HALF_LIFE_BARS, 60.0)
"""Fast, usual and slow volatility; what they disagree on tells where volatility is going."""

_TINY = 1e-6
"""Floor of every ratio whose logarithm is taken: a hundredth of a basis point."""

_VOLUME_BARS = 60
_VOLUME_FLOOR = 0.01
_OBV_BARS = 20
_DAY_MS = 86_400_000
_WEEK_MS = 7 * _DAY_MS


@dataclass(frozen=True)
class Features:
    """Columns of float64 [bars] each; ``bounded`` names those that need no scaling."""

    columns: dict[str, FloatArray]
    bounded: frozenset[str]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns in their order [F]."""
        return tuple(self.columns)


def compute_features(bars: Bars, config: FeaturesConfig) -> Features:
    """Features of every bar; those of the first ``WARMUP_BARS`` are 0.

    A value depends on its own bar and earlier ones only. Returns, volatility, range and volume are
    always there; indicators and calendar as configured, in the order of ``Indicator``.
    """
    columns = _always(bars)
    for indicator in Indicator:
        if indicator in config.indicators:
            columns.update(_INDICATORS[indicator](bars))
    calendar = _calendar(bars) if config.calendar else {}
    columns.update(calendar)
    for values in columns.values():
        values[:WARMUP_BARS] = 0.0  # TA-Lib starts with NaN; nothing of the warm-up may be used
    return Features(columns, frozenset(calendar))


def _log(ratio: FloatArray) -> FloatArray:
    return np.log(np.maximum(ratio, _TINY))


def _always(bars: Bars) -> dict[str, FloatArray]:
    returns = log_returns(bars.close)
    columns = {"log_return": returns}
    volatility = {h: ewma_volatility(returns, h) for h in HALF_LIVES_BARS}
    for half_life, values in volatility.items():
        columns[f"log_volatility_{half_life:.0f}"] = _log(values)
    before = np.roll(volatility[FORECAST_HALF_LIFE_BARS], 1)  # known before the return came
    before[0] = 0.0
    columns["return_over_volatility"] = returns / np.maximum(before, _TINY)
    columns["log_range"] = _log(np.log(bars.high / bars.low))
    spread = np.maximum(bars.high - bars.low, _TINY * bars.close)
    columns["close_in_range"] = (2 * bars.close - bars.high - bars.low) / spread
    columns["log_rolling_volatility"] = _log(np.sqrt(np.maximum(talib.SMA(returns**2, 20), 0.0)))
    mean_volume = talib.SMA(bars.volume, _VOLUME_BARS)
    least = np.maximum(bars.volume / _VOLUME_BARS, np.finfo(float).tiny)
    share = bars.volume / np.maximum(mean_volume, least)
    columns["log_relative_volume"] = np.log(share + _VOLUME_FLOOR)
    return columns


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


def _calendar(bars: Bars) -> dict[str, FloatArray]:
    """Hour of day and day of week of the bar's close (UTC), as points on a circle."""
    day = 2 * np.pi * (bars.available_at % _DAY_MS) / _DAY_MS
    since_monday = bars.available_at - WEEK_ANCHOR_SECONDS * 1000
    week = 2 * np.pi * (since_monday % _WEEK_MS) / _WEEK_MS
    return {
        "hour_sin": np.sin(day), "hour_cos": np.cos(day),
        "weekday_sin": np.sin(week), "weekday_cos": np.cos(week),
    }  # fmt: skip


_INDICATORS: dict[Indicator, Callable[[Bars], dict[str, FloatArray]]] = {
    Indicator.RSI: _rsi,
    Indicator.MACD: _macd,
    Indicator.ATR: _atr,
    Indicator.BB: _bb,
    Indicator.EMA: _ema,
    Indicator.SMA: _sma,
    Indicator.OBV: _obv,
}
