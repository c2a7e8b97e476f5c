"""Seeded candles and small configurations for tests; nothing here is market data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.candles import Candles

MONDAY_MS = 1_704_067_200_000
"""2024-01-01 00:00 UTC."""


def random_candles(
    bars: int,
    *,
    seed: int = 0,
    bar_seconds: int = 60,
    missing_share: float = 0.0,
    start_ms: int = MONDAY_MS,
) -> Candles:
    """A random walk with plausible highs, lows and volumes; some bars can be missing at random.

    ``bars`` is the length of the grid; with ``missing_share`` fewer candles come back. Now and
    then volume is zero or the price stands still, as in real files.
    """
    rng = np.random.default_rng(seed)
    returns = rng.standard_t(4, bars) * 1e-3
    returns[rng.random(bars) < 0.05] = 0.0
    close = 100.0 * np.exp(np.cumsum(returns))
    open_ = np.concatenate([[100.0], close[:-1]])
    spread = np.abs(rng.normal(0.0, 5e-4, (2, bars)))
    spread[:, returns == 0.0] = 0.0
    volume = rng.lognormal(0.0, 1.0, bars)
    volume[rng.random(bars) < 0.05] = 0.0
    kept = rng.random(bars) >= missing_share
    kept[0] = True
    return Candles(
        open_time=(start_ms + 1000 * bar_seconds * np.arange(bars, dtype=np.int64))[kept],
        open=open_[kept],
        high=(np.maximum(open_, close) * (1 + spread[0]))[kept],
        low=(np.minimum(open_, close) * (1 - spread[1]))[kept],
        close=close[kept],
        volume=volume[kept],
        bar_seconds=bar_seconds,
    )


def noise_candles(bars: int, *, seed: int, deviation: float = 1e-3) -> Candles:
    """White noise: independent Gaussian log-returns of one deviation. Nothing can be forecast."""
    rng = np.random.default_rng([seed, 2])
    return _candles_of(deviation * rng.standard_normal(bars), rng.lognormal(0.0, 0.5, bars), rng)


def planted_candles(
    bars: int, *, seed: int, correlation: float, deviation: float = 1e-3
) -> Candles:
    """White noise but for one thing: a bar's volume tells which way the next close goes.

    ``correlation`` is that of the log volume with the next log-return.
    """
    rng = np.random.default_rng([seed, 3])
    signal, noise = rng.standard_normal((2, bars))
    known = np.concatenate([[0.0], signal[:-1]])
    returns = deviation * (correlation * known + np.sqrt(1.0 - correlation**2) * noise)
    return _candles_of(returns, np.exp(0.5 * signal), rng)


def _candles_of(
    returns: npt.NDArray[np.float64], volume: npt.NDArray[np.float64], rng: np.random.Generator
) -> Candles:
    """One-minute candles with these log-returns; highs and lows know nothing more."""
    close = 100.0 * np.exp(np.cumsum(returns))
    open_ = np.concatenate([[100.0], close[:-1]])
    spread = np.abs(rng.normal(0.0, 5e-4, (2, len(returns))))
    return Candles(
        open_time=MONDAY_MS + 60_000 * np.arange(len(returns), dtype=np.int64),
        open=open_,
        high=np.maximum(open_, close) * (1 + spread[0]),
        low=np.minimum(open_, close) * (1 - spread[1]),
        close=close,
        volume=volume,
        bar_seconds=60,
    )


def write_candles(path: Path, candles: Candles) -> Path:
    """Write candles as CSV with epoch milliseconds, every digit kept."""
    rows = zip(
        candles.open_time.tolist(),
        candles.open.tolist(),
        candles.high.tolist(),
        candles.low.tolist(),
        candles.close.tolist(),
        candles.volume.tolist(),
        strict=True,
    )
    lines = ["time,open,high,low,close,volume", *(",".join(map(repr, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def small_config(source: str = "candles.csv", **sections: dict[str, Any]) -> RunConfig:
    """The real configuration, shrunk: trains within seconds on a few thousand 1-minute bars.

    On the CPU, whose bits are the same at every run; ``test_gpu`` asks for the other.
    """
    values: dict[str, dict[str, Any]] = {
        "data": {"source": source, "timeframes": ["1m", "5m"], "max_gap_bars": 3},
        "features": {"indicators": ["rsi", "macd", "atr", "bb", "ema", "sma", "obv"]},
        "horizons": {
            "next_bars": 2, "short": "5m", "long": "30m",
            "short_threshold_bps": 5.0, "long_threshold_bps": 10.0,
        },
        "model": {
            "variant": "tiny", "d_model": 16, "layers": 1, "heads": 2, "context_bars": 16,
            "patch_length": 4, "patch_stride": 4,
        },
        "train": {"max_epochs": 1, "batch_size": 32, "accelerator": "cpu"},
    }  # fmt: skip
    for name, section in sections.items():
        values[name] = {**values.get(name, {}), **section}
    return RunConfig.model_validate(values)
