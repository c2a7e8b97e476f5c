"""The last candles with the forecasts made at them, as ``evaluation.report.FanChart`` is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from runs_app.forecasting.data.resample import Bars

LEVELS: tuple[float, ...] = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
BARS = 120
"""Candles shown when fewer decisions were forecast."""


def chart_of(table: pa.Table, bars: Bars, horizon_ms: int) -> dict[str, Any]:
    """Parallel lists over the newest decision bars, times in ms UTC.

    What is not known is None: the forecast at bars that were not asked for, the outcome of
    forecasts whose time has not come, quantiles the head does not have.
    """
    decided = table.column("time").cast(pa.int64()).to_numpy()
    end = int(np.flatnonzero(bars.available_at == decided[-1])[0]) + 1
    shown = slice(max(0, end - max(BARS, len(decided))), end)
    time = bars.available_at[shown]
    target_time = time + horizon_ms
    place = {int(at): row for row, at in enumerate(decided)}
    rows = [place.get(int(at)) for at in time]
    close = dict(zip(bars.available_at.tolist(), bars.close.tolist(), strict=True))
    location = table.column("location").to_numpy()

    def forecast(name: str) -> list[float | None]:
        values = table.column(name).to_pylist()
        return [None if row is None else values[row] for row in rows]

    levels = [x for x in LEVELS if table.column(f"q{x:g}").null_count == 0]
    return {
        "time": time.tolist(),
        "open": bars.open[shown].tolist(),
        "high": bars.high[shown].tolist(),
        "low": bars.low[shown].tolist(),
        "close": bars.close[shown].tolist(),
        "target_time": target_time.tolist(),
        "target_close": [close.get(at) for at in target_time.tolist()],
        "location": [
            None if row is None else float(price * np.exp(location[row]))
            for row, price in zip(rows, bars.close[shown], strict=True)
        ],
        "levels": levels,
        "quantiles": [forecast(f"price_q{level:g}") for level in levels],
    }
