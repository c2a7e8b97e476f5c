"""``python -m runs_app.forecasting.data.chart FOLDER``: make the chart of an import, once.

Reads the canonical Parquet file and writes a level for each timeframe. The folder of levels appears
whole or not at all. The answer is one JSON object; exit status 1 and a sentence are a refusal.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import talib

from runs_app.forecasting.data.candles import Candles
from runs_app.forecasting.data.canonical import PRICES, read_canonical
from runs_app.forecasting.data.chart_levels import CHART_DIR, LENGTHS_SECONDS, STICK, Sticks, join
from runs_app.forecasting.data.imports import CANDLES_FILE

EMA_STICKS = 20
RSI_STICKS = 14
ATR_STICKS = 14
FEWEST = 50
"""Timeframes with fewer sticks than that are not made: the one before shows all of the file."""


def make_chart(folder: Path) -> list[int]:
    """Write the levels of the import in ``folder``; the seconds of their sticks."""
    part = folder / f".{CHART_DIR}.{os.getpid()}"
    part.mkdir()
    try:
        made = []
        for seconds, sticks in levels(read_canonical(folder / CANDLES_FILE)):
            np.save(part / f"{seconds}.npy", sticks)
            made.append(seconds)
        try:
            part.rename(folder / CHART_DIR)
        except OSError:  # another process was first
            if not (folder / CHART_DIR).is_dir():
                raise
        return made
    finally:
        shutil.rmtree(part, ignore_errors=True)


def levels(candles: Candles) -> list[tuple[int, Sticks]]:
    """Sticks of the file's own bar and of every longer timeframe that is a multiple of it."""
    base = np.zeros(len(candles.open_time), STICK)
    base["time"] = candles.open_time
    for name in PRICES:
        base[name] = getattr(candles, name)
    made = [(candles.bar_seconds, base)]
    for seconds in LENGTHS_SECONDS:
        if seconds <= candles.bar_seconds or seconds % candles.bar_seconds:
            continue
        finer = next(s for length, s in reversed(made) if seconds % length == 0)
        sticks = join(finer, seconds)
        if len(sticks) < FEWEST:
            break
        made.append((seconds, sticks))
    for _, sticks in made:
        add_indicators(sticks)
    return made


def add_indicators(sticks: Sticks) -> None:
    """EMA(20), RSI(14) and ATR(14) of these sticks; NaN until there are enough of them."""
    high, low, close = (np.ascontiguousarray(sticks[n]) for n in ("high", "low", "close"))
    sticks["ema"] = talib.EMA(close, EMA_STICKS)
    sticks["rsi"] = talib.RSI(close, RSI_STICKS)
    sticks["atr"] = talib.ATR(high, low, close, ATR_STICKS)


def main(arguments: list[str] | None = None) -> int:
    """Make the chart of the folder that is named; the exit status."""
    (folder,) = sys.argv[1:] if arguments is None else arguments
    try:
        made = make_chart(Path(folder))
    except (MemoryError, pa.ArrowMemoryError):
        return _refuse("there is too little memory to draw this file")
    except (OSError, pa.ArrowInvalid, KeyError, ValueError) as error:
        return _refuse(f"the chart cannot be made: {error}")
    print(json.dumps({"levels": made}))
    return 0


def _refuse(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
