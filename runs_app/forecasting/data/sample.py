"""Synthetic 1-minute candles whose true distribution is known: GARCH(1,1) with Student-t shocks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pa_csv

from runs_app.forecasting.data.candles import Candles
from runs_app.forecasting.data.endings import FILE_NAME as FILE_NAME

FloatArray = npt.NDArray[np.float64]

OMEGA = 1e-8
ALPHA = 0.08
BETA = 0.90
DEGREES_OF_FREEDOM = 6.0
"""Next variance of a 1-minute log-return: OMEGA + ALPHA * last return² + BETA * last variance.

Shocks are Student-t with ``DEGREES_OF_FREEDOM``, scaled to variance one. The returns have mean
zero: no direction can be forecast, and an honest model finds none.
"""

LONG_RUN_VARIANCE = OMEGA / (1.0 - ALPHA - BETA)
"""5e-7: 7 basis points a minute, about 2.7 % a day."""

FIRST_OPEN_MS = 1_704_067_200_000
"""2024-01-01 00:00 UTC, a Monday."""

FIRST_PRICE = 40_000.0
DEFAULT_BARS = 86_400
"""60 days."""

DEFAULT_SEED = 7

_MINUTE_MS = 60_000
_BURN_IN_BARS = 1000


@dataclass(frozen=True)
class Simulation:
    """``log_return`` [bars] and ``volatility`` [bars]: the true standard deviation it came from."""

    log_return: FloatArray
    volatility: FloatArray


def simulate(bars: int, seed: int) -> Simulation:
    """Draw from the process; the same seed gives the same bits, and a prefix of a longer run."""
    rng = np.random.default_rng([seed, 0])
    unit = np.sqrt((DEGREES_OF_FREEDOM - 2.0) / DEGREES_OF_FREEDOM)
    shocks = rng.standard_t(DEGREES_OF_FREEDOM, _BURN_IN_BARS + bars) * unit
    returns = np.empty_like(shocks)
    volatility = np.empty_like(shocks)
    variance = LONG_RUN_VARIANCE
    for i, shock in enumerate(shocks.tolist()):
        deviation = variance**0.5
        volatility[i] = deviation
        returns[i] = deviation * shock
        variance = OMEGA + ALPHA * (deviation * shock) ** 2 + BETA * variance
    return Simulation(returns[_BURN_IN_BARS:], volatility[_BURN_IN_BARS:])


def sample_candles(bars: int = DEFAULT_BARS, seed: int = DEFAULT_SEED) -> Candles:
    """Synthetic candles, one a minute without holes.

    Closes follow ``simulate`` exactly. Highs and lows are those of a Brownian path between open
    and close with the bar's own variance; volume grows with volatility and is otherwise random.
    """
    drawn = simulate(bars, seed)
    log_close = np.log(FIRST_PRICE) + np.cumsum(drawn.log_return)
    log_open = np.concatenate([[np.log(FIRST_PRICE)], log_close[:-1]])
    rng = np.random.default_rng([seed, 1])
    open_, close = np.exp(log_open), np.exp(log_close)
    high = np.exp(log_open + _bridge_maximum(rng, drawn.log_return, drawn.volatility))
    low = np.exp(log_open - _bridge_maximum(rng, -drawn.log_return, drawn.volatility))
    relative = drawn.volatility / np.sqrt(LONG_RUN_VARIANCE)
    volume = np.round(10.0 * relative * rng.lognormal(0.0, 0.5, bars), 6)
    return Candles(
        open_time=FIRST_OPEN_MS + _MINUTE_MS * np.arange(bars, dtype=np.int64),
        open=open_,
        high=np.maximum(high, np.maximum(open_, close)),  # exp may round below its own close
        low=np.minimum(low, np.minimum(open_, close)),
        close=close,
        volume=volume,
        bar_seconds=60,
    )


def write_sample(path: Path, *, bars: int = DEFAULT_BARS, seed: int = DEFAULT_SEED) -> Candles:
    """Write synthetic candles as CSV (time, open, high, low, close, volume) and return them.

    Prices have all their digits, so that the file's returns are the process's. The file appears
    whole or not at all.
    """
    candles = sample_candles(bars, seed)
    table = pa.table(
        {
            "time": pa.array(candles.open_time, pa.timestamp("ms")).cast(pa.timestamp("s", "UTC")),
            "open": candles.open, "high": candles.high, "low": candles.low,
            "close": candles.close, "volume": candles.volume,
        }
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    pa_csv.write_csv(table, part, pa_csv.WriteOptions(quoting_header="none"))
    part.replace(path)
    return candles


def _bridge_maximum(rng: np.random.Generator, end: FloatArray, deviation: FloatArray) -> FloatArray:
    """Draw the maximum of a Brownian path from 0 to ``end`` [bars] with this deviation [bars]."""
    exponential = rng.standard_exponential(len(end))
    return 0.5 * (end + np.sqrt(end**2 + 2.0 * deviation**2 * exponential))
