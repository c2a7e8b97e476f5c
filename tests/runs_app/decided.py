"""A run that was really trained and judged, once, for the tests that look at its decisions."""

from __future__ import annotations

import shutil
from pathlib import Path

from runs_app.choices import RunStatus
from runs_app.forecasting.training.fit import run as train
from runs_app.models import TrainingRun
from tests.factories import make_completed_run
from tests.forecasting.training.conftest import write_run
from tests.synthetic import random_candles, small_config, write_candles

CONFIG = small_config(train={"max_epochs": 1, "batch_size": 64, "steps_per_epoch": 4})


def train_once(folder: Path) -> Path:
    """A folder with ``data/candles.csv`` and the files of the run, without checkpoints."""
    (folder / "data").mkdir()
    write_candles(folder / "data" / "candles.csv", random_candles(4000, seed=5))
    run_dir = write_run(folder / "run", CONFIG)
    assert train(run_dir, folder / "data", progress=False) == 0
    shutil.rmtree(run_dir / "checkpoints")
    return folder


def put_in_place(trained: Path, data_root: Path, runs_root: Path) -> TrainingRun:
    """The row of that run, with its files and candles where the product looks for them."""
    shutil.copy(trained / "data" / "candles.csv", data_root / "candles.csv")
    run = make_completed_run(name="decided", config=CONFIG.model_dump(mode="json"))
    assert run.status == RunStatus.COMPLETED
    shutil.copytree(trained / "run", runs_root / run.uid)
    return run
