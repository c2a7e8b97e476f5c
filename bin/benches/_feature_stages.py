"""One stage of the bench of features, in a process of its own."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.csv as pa_csv

from runs_app.forecasting.config.compose import compose_config
from runs_app.forecasting.config.schema import Indicator, RunConfig
from runs_app.forecasting.data.allocation import keeping_freed_memory
from runs_app.forecasting.data.candles import read_candles
from runs_app.forecasting.data.canonical import read_canonical, write_canonical
from runs_app.forecasting.data.inputs import collect_inputs, columns_of
from runs_app.forecasting.data.loading import import_file
from runs_app.forecasting.data.scaling import scale_columns
from runs_app.forecasting.data.warmup import WARMUP_BARS

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEFRAMES = ("1m", "5m", "15m", "30m", "1h", "4h", "1d")
TRAIN_SHARE = 0.7

Found = dict[str, float]


@contextmanager
def timed(found: Found, name: str) -> Iterator[None]:
    """Seconds of the block, into ``found``."""
    began = time.perf_counter()
    yield
    found[name] = time.perf_counter() - began


def note_peak(found: Found) -> None:
    """The most this process has held so far."""
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def plain(source: Path, parquet: Path) -> Found:
    """CSV to candles to Parquet, then the same CSV read by others."""
    found: Found = {}
    with timed(found, "seconds"):
        candles, _ = read_candles(source, repair=False)
        write_canonical(parquet, candles)
    note_peak(found)
    with timed(found, "pandas"):
        pd.read_csv(source)
    with timed(found, "pyarrow"):
        pa_csv.read_csv(source)
    return found


def whole_import(source: Path, store: Path) -> Found:
    """All that an import does."""
    found: Found = {}
    with timed(found, "seconds"):
        import_file(source, store)
    note_peak(found)
    return found


def inputs(parquet: Path, _unused: Path) -> Found:
    """Parquet to the float32 values that the network is fed."""
    config = _config()
    found: Found = {}
    with timed(found, "read"):
        candles = read_canonical(parquet)
    with timed(found, "seconds"), keeping_freed_memory():
        with timed(found, "resample"):
            made = collect_inputs(config, candles)
        fed: list[Any] = [
            scale_columns(
                bars.timeframe, columns_of(config, bars), WARMUP_BARS, int(TRAIN_SHARE * len(bars))
            )[1]
            for bars in made.all_bars
        ]  # fmt: skip
    note_peak(found)
    values = sum(block.size for block in fed)
    del fed, made
    numbers = np.full(1_000_000, 2.0)
    with timed(found, "logarithms"):
        for _ in range(values // len(numbers)):
            np.log(numbers, out=numbers)
            numbers.fill(2.0)
    return found


def _config() -> RunConfig:
    return compose_config(
        {
            "data": {"source": "candles.csv", "timeframes": TIMEFRAMES},
            "features": {"indicators": tuple(Indicator), "calendar": True},
        }
    )


STAGES: dict[str, Callable[[Path, Path], Found]] = {
    "plain": plain, "import": whole_import, "inputs": inputs,
}  # fmt: skip


if __name__ == "__main__":
    asked, *files = sys.argv[1:]
    print(json.dumps(STAGES[asked](Path(files[0]), Path(files[1]))))
