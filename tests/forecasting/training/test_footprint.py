"""What a run is said to take on the disk is what it takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runs_app.forecasting.config.compose import compose_config
from runs_app.forecasting.config.footprint import checkpoint_bytes, footprint
from runs_app.forecasting.data.sample import FILE_NAME, write_sample
from runs_app.forecasting.events import CHECKPOINT_DIR, METRICS_FILE
from runs_app.forecasting.training.fit import run
from tests.forecasting.training.conftest import write_run

BARS = 6000
TOLERANCE = 0.10


@pytest.mark.slow
def test_a_real_run_of_the_tiny_preset_takes_what_was_told(tmp_path: Path) -> None:
    write_sample(tmp_path / FILE_NAME, bars=BARS)
    config = compose_config(
        {
            "data": {"source": FILE_NAME, "timeframes": ["1m"]},
            "horizons": {"short": "15m", "long": "1h"},
            "model": {"variant": "tiny"},
            "train": {"max_epochs": 5, "steps_per_epoch": 3, "keep_checkpoints": 2},
        }
    )
    run_dir = write_run(tmp_path / "run", config)
    assert run(run_dir, tmp_path, progress=False) == 0

    told = footprint(config, bars=BARS, bar_seconds=60)

    inodes = {file.stat().st_ino: file.stat().st_size for file in run_dir.rglob("*")}
    sizes = {file.stat().st_size for file in (run_dir / CHECKPOINT_DIR).iterdir()}
    for size in sizes:
        assert told.checkpoint == pytest.approx(size, rel=TOLERANCE)
    parameters = json.loads((run_dir / METRICS_FILE).read_text())["parameters"]
    assert checkpoint_bytes(parameters) == pytest.approx(max(sizes), rel=0.05)
    files = {f.stat().st_ino for f in (run_dir / CHECKPOINT_DIR).iterdir()}
    assert len(files) <= told.checkpoints == 4
    # Nothing was forgotten that a long run has much of.
    assert sum(inodes.values()) <= told.total
