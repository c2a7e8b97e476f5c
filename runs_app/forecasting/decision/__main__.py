"""``python -m runs_app.forecasting.decision RUN_DIR DATA_ROOT STORE FIRST COUNT``.

What the network of a completed run knew at decisions of its test part, what it said and what came,
as one JSON object (``documents.Block``). Loads no torch: what the network said is in the run's
``predictions.parquet``, calibrated as it was scored.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa

from runs_app.forecasting.config.document import from_yaml
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.ledger import chosen_time
from runs_app.forecasting.data.loading import load_candles
from runs_app.forecasting.data.source import source_path
from runs_app.forecasting.decision.documents import Block
from runs_app.forecasting.decision.known import Known, known_at
from runs_app.forecasting.decision.said import Priors, decisions_of
from runs_app.forecasting.errors import DataInvalid, ForecastingError
from runs_app.forecasting.evaluation.judged_rows import HORIZONS, JudgedRows, read_judged
from runs_app.forecasting.events import CONFIG_FILE, METRICS_FILE, PREDICTIONS_FILE


def look(run_dir: Path, data_root: Path, store: Path, chosen: slice) -> Block:
    """The decisions ``chosen`` of the run's test part.

    What the run's files say is always there; what was fed is there where its candles are. Raises
    ``ForecastingError`` where the run's own files cannot be read.
    """
    try:
        config = from_yaml((run_dir / CONFIG_FILE).read_text(encoding="utf-8"))
        judged = read_judged(str(run_dir / PREDICTIONS_FILE), split="test")
    except (OSError, KeyError, pa.ArrowException) as error:
        raise DataInvalid("the run's predictions cannot be read; its files are damaged") from error
    metrics = _metrics(run_dir)
    known, problem = None, ""
    try:
        known = _known(config, judged, chosen, (data_root, store), metrics)
    except ForecastingError as error:
        problem = str(error)
    return Block(
        family=judged.model.family.value,
        decision_timeframe=config.data.decision_timeframe,
        horizon_bars=config.horizons.next_bars,
        context_bars=config.model.context_bars,
        decisions=decisions_of(config, judged, chosen, known, _priors(metrics)),
        problem=problem,
        verified=known is not None and judged.fed is not None,
    )


def _known(
    config: RunConfig,
    judged: JudgedRows,
    chosen: slice,
    roots: tuple[Path, Path],
    metrics: dict[str, Any],
) -> Known:
    data_root, store = roots
    loaded = load_candles(
        source_path(config.data.source, data_root),
        repair=config.data.repair,
        reading=config.data.reading,
        store=store,
    )
    trained_on = (metrics.get("data") or {}).get("candles_sha256") or loaded.fingerprint
    if loaded.fingerprint != trained_on:
        raise DataInvalid(
            f"{config.data.source} does not hold the candles any more that this run was trained "
            "on, so what the network was fed cannot be shown; put the earlier file back"
        )
    return known_at(config, chosen_time(config, loaded.candles), judged, chosen)


def _metrics(run_dir: Path) -> dict[str, Any]:
    """``metrics.json``; empty where it is absent or no object."""
    try:
        found = json.loads((run_dir / METRICS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _priors(metrics: dict[str, Any]) -> Priors:
    calibration = metrics.get("calibration") or {}
    return {name: tuple(calibration[name]["prior"]) for name in HORIZONS if calibration.get(name)}


def main(arguments: list[str] | None = None) -> int:
    """Print the block; the exit status, 1 for a refusal, whose sentence goes to stderr."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("run_dir", "data_root", "store"):
        parser.add_argument(name, type=Path)
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int)
    options = parser.parse_args(arguments)
    chosen = slice(options.first, options.first + options.count)
    try:
        block = look(options.run_dir, options.data_root, options.store, chosen)
    except ForecastingError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except MemoryError:
        sys.stderr.write("there is too little memory to read the candles again\n")
        return 1
    sys.stdout.write(block.model_dump_json() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
