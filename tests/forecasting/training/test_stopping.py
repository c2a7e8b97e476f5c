"""Signals to the real process, at any moment of its life."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from runs_app.forecasting.events import EXIT_CODES, FitFinished, Reason, from_line
from runs_app.forecasting.training.checkpoint import load_checkpoint
from tests.forecasting.training.conftest import write_run
from tests.synthetic import small_config

ROOT = Path(__file__).parents[3]
SECONDS_TO_START = 120.0


def start(
    run_dir: Path, data_root: Path, *options: str, environ: Mapping[str, str] = os.environ
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "runs_app.forecasting", run_dir, "--data-root", data_root, *options],
        cwd=ROOT,
        env={**environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def wait_for(run_dir: Path, text: bytes, process: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < limit and process.poll() is None:
        path = run_dir / "events.jsonl"
        if path.exists() and re.search(text, path.read_bytes()):
            return
        time.sleep(0.02)
    raise AssertionError(f"{text!r} never came; exit status {process.poll()}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_ends_as_cancelled(
    number: signal.Signals, tmp_path: Path, data_root: Path
) -> None:
    run_dir = write_run(tmp_path, small_config(train={"max_epochs": 10_000, "batch_size": 64}))
    process = start(run_dir, data_root)
    wait_for(run_dir, b'"step":1,', process)
    began = time.monotonic()
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == EXIT_CODES[Reason.CANCELLED] == 10
    assert b"Traceback" not in errors
    assert time.monotonic() - began < 10
    last = from_line((run_dir / "events.jsonl").read_bytes().splitlines()[-1])
    assert isinstance(last, FitFinished)
    assert last.reason is Reason.CANCELLED
    content = load_checkpoint(run_dir / "checkpoints" / "last.ckpt")
    summary = json.loads((run_dir / "metrics.json").read_text())
    assert content["step"] == summary["steps"] >= 1
    assert summary["reason"] == "cancelled"
    assert not (run_dir / "predictions.parquet").exists()


def test_a_signal_before_training_ends_at_once(tmp_path: Path, data_root: Path) -> None:
    run_dir = write_run(tmp_path, small_config(train={"max_epochs": 10_000}))
    process = start(run_dir, data_root)
    limit = time.monotonic() + SECONDS_TO_START
    while not (run_dir / "events.jsonl").exists() and time.monotonic() < limit:
        time.sleep(0.005)
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 10
    last = from_line((run_dir / "events.jsonl").read_bytes().splitlines()[-1])
    assert isinstance(last, FitFinished)
