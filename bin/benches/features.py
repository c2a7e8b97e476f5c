"""2.6 million 1-minute candles: from CSV to canonical Parquet, and on to the network's inputs.

The file has five years of synthetic candles as an exchange writes them: epoch milliseconds, prices
to the cent, volumes to five decimals. Each stage runs alone in a process of its own, as in the
product, and its peak memory is that whole process's. *Import* is all that ``import_file`` does: the
data report, two SHA-256 of the source, the Parquet file and its hashes; beside it stand the same
without report and hashes, and pandas and pyarrow reading the same CSV. *Inputs* are read from the
Parquet file, resampled to seven timeframes (1m to 1d), given every feature and indicator, scaled
and laid out as float32, as a run does it; beside it stands one NumPy pass of logarithms over as
many values. The best of three, since whatever else runs can only slow it down.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from benches._place import command
from launcher.checkout import ROOT
from launcher.figures import Figure
from launcher.place import MODULES
from runs_app.forecasting.data.sample import sample_candles

BARS = 2_600_000
REPEATS = 3
IMPORT_SECONDS, INPUT_SECONDS, PEAK_MEGABYTES = 2.0, 1.5, 1200.0


def measure() -> list[Figure]:
    """Seconds and megabytes of each stage, beside the plain passes."""
    with tempfile.TemporaryDirectory() as base:
        source, parquet = Path(base) / "candles.csv", Path(base) / "candles.parquet"
        write_candles(source)
        plain = _best("plain", source, parquet)
        whole = _best("import", source, Path(base) / "store")
        inputs = _best("inputs", parquet, source)
        size = parquet.stat().st_size / 1e6
    return [
        Figure("CSV to canonical Parquet", plain["seconds"], "s", IMPORT_SECONDS),
        Figure("  peak memory", plain["peak_mb"], "MB"),
        Figure("whole import: report and hashes too", whole["seconds"], "s"),
        Figure("  peak memory", whole["peak_mb"], "MB"),
        Figure("reference: pandas reads the CSV", plain["pandas"], "s"),
        Figure("reference: pyarrow reads the CSV", plain["pyarrow"], "s"),
        Figure("canonical Parquet, size", size, "MB"),
        Figure("Parquet to candles", inputs["read"], "s"),
        Figure("seven timeframes, all features, float32", inputs["seconds"], "s", INPUT_SECONDS),
        Figure("  of it resampling and joining", inputs["resample"], "s"),
        Figure("  peak memory, candles included", inputs["peak_mb"], "MB", PEAK_MEGABYTES),
        Figure("reference: logarithms of as many values", inputs["logarithms"], "s"),
    ]


def write_candles(path: Path) -> None:
    """Five years of candles as an exchange writes them."""
    candles = sample_candles(BARS)
    prices = {
        name: np.round(getattr(candles, name), 2) for name in ("open", "high", "low", "close")
    }
    columns = {"open_time": candles.open_time, **prices, "volume": np.round(candles.volume, 5)}
    pa_csv.write_csv(pa.table(columns), path, pa_csv.WriteOptions(quoting_header="none"))


def _best(stage: str, *paths: Path) -> dict[str, float]:
    """The least of every figure over the repeats."""
    runs = [_child(stage, *paths) for _ in range(REPEATS)]
    return {name: min(run[name] for run in runs) for name in runs[0]}


def _child(stage: str, *paths: Path) -> dict[str, float]:
    done = subprocess.run(
        command("_feature_stages", stage, *map(str, paths)),
        cwd=ROOT / "bin", env={"PYTHONPATH": MODULES}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"the stage {stage} failed: {done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
