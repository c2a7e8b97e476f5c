"""Second half of ``bin/results``: trains on real bitcoin candles and writes ``docs/results.md``.

Everything goes the way of the product: the yearly files become one candle file, a configuration is
composed from the presets, ``training.fit.run`` trains in a run directory, and every figure comes
from the ``metrics.json`` that it writes. All seeds are reported, never the best one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from launcher.checkout import ROOT
from launcher.results_page import WHOLE, Study, Trained, page
from runs_app.forecasting.config.compose import compose_config
from runs_app.forecasting.config.document import to_yaml
from runs_app.forecasting.config.overrides import parse_overrides
from runs_app.forecasting.config.paths import set_path
from runs_app.forecasting.data.candles import Candles, read_candles
from runs_app.forecasting.training import fit

YEARS = (2016, 2017, 2018)
NAME = "bitfinex_BTCUSD_1m_{year}.csv.gz"
CANDLES = "BTCUSD_1m_2016-2018.parquet"
PAGE = ROOT / "docs" / "results.md"

COMMON = ["model=tiny", "train.accelerator=cpu"]
STUDIES: dict[str, list[str]] = {
    "15m": ["data.timeframes=[15m,1h,4h]", "horizons.short=1h", "horizons.long=1d"],
    "1h": ["data.timeframes=[1h,4h]", "horizons.short=4h", "horizons.long=1d"],
}
"""Decision timeframe to the overrides that make its study; decisions at each close of it."""

UNTRAINED = ["train.max_epochs=1", "train.steps_per_epoch=1", "train.learning_rate=1e-9"]
CHANGES: dict[str, list[str]] = {
    "mixture of squared returns, untrained": ["features.realised=false", *UNTRAINED],
    "mixture of realised variances, untrained": UNTRAINED,
    "network without realised variance": ["features.realised=false"],
    WHOLE: [],
}
"""What each change brings: the overrides on top, from the least to the whole."""


def main() -> None:
    """Join the years, train, write the page."""
    parser = argparse.ArgumentParser(prog="bin/results")
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as base:
        root = Path(base)
        files = _join(asked.data_dir, root / CANDLES)
        studies = [_study(root, name, asked.seeds) for name in STUDIES]
    PAGE.write_text(page(files, studies, common=COMMON), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)} is written")


def _join(folder: Path, target: Path) -> list[tuple[str, int, str]]:
    """Write one candle file; name, candles and SHA-256 of each year's."""
    parts: list[Candles] = []
    files = []
    for year in YEARS:
        name = NAME.format(year=year)
        path = next((at for at in (folder / name, folder / "crypto" / name) if at.exists()), None)
        if path is None:
            raise SystemExit(f"{folder} holds no {name}; name the folder with the yearly files.")
        candles, _ = read_candles(path, repair=False)
        parts.append(candles)
        files.append((name, len(candles), hashlib.sha256(path.read_bytes()).hexdigest()))
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("open", "high", "low", "close", "volume")
    }
    times = np.concatenate([part.open_time for part in parts])
    table = pa.table({"time": pa.array(times, pa.timestamp("ms", tz="UTC")), **columns})
    pq.write_table(table, target)
    return files


def _study(root: Path, name: str, seeds: list[int]) -> Study:
    changes: dict[str, list[Trained]] = {}
    for change, overrides in CHANGES.items():
        chosen = seeds if change == WHOLE else seeds[:1]
        changes[change] = [_train(root, [*STUDIES[name], *overrides], seed) for seed in chosen]
    return Study(name, tuple(STUDIES[name]), CHANGES, changes)


def _train(root: Path, overrides: list[str], seed: int) -> Trained:
    values: dict[str, Any] = {"data": {"source": CANDLES}}
    for path, value in parse_overrides([*COMMON, *overrides, f"train.seed={seed}"]).items():
        set_path(values, path, value)
    with tempfile.TemporaryDirectory(dir=root) as folder:
        run_dir = Path(folder)
        (run_dir / "config.yaml").write_text(to_yaml(compose_config(values)), encoding="utf-8")
        began = time.perf_counter()
        status = fit.run(run_dir, root, progress=False)
        seconds = time.perf_counter() - began
        if status:
            raise SystemExit(
                f"The fit of {' '.join(overrides)} with seed {seed} ended in {status}."
            )
        metrics = json.loads((run_dir / "metrics.json").read_text(encoding="utf-8"))
        started = next(
            event
            for line in (run_dir / "events.jsonl").read_text(encoding="utf-8").splitlines()
            if (event := json.loads(line)).get("kind") == "fit_started"
        )
    return Trained(seed, seconds, metrics, tuple(started.get("notes", ())))


if __name__ == "__main__":
    main()
