"""One small trained run per head, and the candles it was trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

from runs_app.forecasting.data.candles import Candles, read_candles
from runs_app.forecasting.events import EXIT_CODES, Reason
from runs_app.forecasting.prediction.model import TrainedModel, load_model
from runs_app.forecasting.training.fit import run
from tests.forecasting.training.conftest import write_run
from tests.synthetic import small_config

TRAIN = {"max_epochs": 1, "batch_size": 64, "steps_per_epoch": 12, "learning_rate": 3e-3}


@pytest.fixture(scope="session")
def candles(data_root: Path) -> Candles:
    return read_candles(data_root / "candles.csv", repair=False)[0]


def train(folder: Path, data_root: Path, kind: str) -> Path:
    """A completed run of one epoch; returns its directory."""
    run_dir = write_run(folder, small_config(train=TRAIN, loss={"kind": kind}))
    assert run(run_dir, data_root, progress=False) == EXIT_CODES[Reason.COMPLETED]
    return run_dir


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory: pytest.TempPathFactory, data_root: Path) -> Path:
    return train(tmp_path_factory.mktemp("runs") / "t", data_root, "student_t")


@pytest.fixture(scope="session")
def model(run_dir: Path) -> TrainedModel:
    return load_model(run_dir / "checkpoints" / "best.ckpt")
