"""A completed run is checked for leaks, and one that leaks has no edge whatever it scores."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runs_app.forecasting.config.schema import Indicator
from runs_app.forecasting.data import features
from runs_app.forecasting.evaluation.documents import LeakCheck, Outcome
from runs_app.forecasting.events import EXIT_CODES, FitFinished, Reason, from_line
from runs_app.forecasting.training.fit import run
from tests.forecasting.training.conftest import write_run
from tests.forecasting.training.test_control import ahead
from tests.synthetic import small_config

TRAIN = {"max_epochs": 3, "batch_size": 64, "steps_per_epoch": 80, "learning_rate": 5e-3}
ONE_BAR = {"next_bars": 1}
NAMES = ("features", "timeframes", "labels", "scaler", "warmup", "shuffled_labels")


def last_event(run_dir: Path) -> FitFinished:
    event = from_line((run_dir / "events.jsonl").read_bytes().splitlines()[-1])
    assert isinstance(event, FitFinished)
    return event


def test_a_completed_run_says_what_was_checked(tmp_path: Path, data_root: Path) -> None:
    config = small_config(train={**TRAIN, "max_epochs": 1, "steps_per_epoch": 4})
    run_dir = write_run(tmp_path / "run", config)
    assert run(run_dir, data_root, progress=False) == EXIT_CODES[Reason.COMPLETED]
    leaks = last_event(run_dir).leaks
    assert leaks is not None
    assert leaks.passed, leaks
    assert tuple(finding.name for finding in leaks.findings) == NAMES
    written = json.loads((run_dir / "metrics.json").read_text())["leaks"]
    assert LeakCheck.model_validate(written) == leaks


def test_a_run_that_knows_the_future_beats_all_and_has_no_edge(
    tmp_path: Path, data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(features._INDICATORS, Indicator.RSI, ahead)
    run_dir = write_run(tmp_path / "run", small_config(train=TRAIN, horizons=ONE_BAR))
    assert run(run_dir, data_root, progress=False) == EXIT_CODES[Reason.COMPLETED]
    finished = last_event(run_dir)
    assert finished.leaks is not None
    assert finished.verdict is not None
    failed = {finding.name for finding in finished.leaks.findings if not finding.passed}
    assert failed == {"features", "shuffled_labels"}
    assert finished.verdict.outcome is Outcome.BEATS
    assert not finished.verdict.edge
