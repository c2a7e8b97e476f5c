"""The real trainer under the real supervisor, forked from a server that has torch loaded."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from runs_app.choices import EventKind, RunStatus
from runs_app.execution import lifecycle
from runs_app.execution.trainer_process import TrainerServer
from runs_app.forecasting.config.compose import compose_config
from runs_app.forecasting.data.sample import FILE_NAME, write_sample
from runs_app.models import TrainingRun
from runs_app.points.reading import Window, read_curves
from runs_app.services.resume import resume_run
from tests.execution.conftest import Background, directory
from tests.execution.test_supervisor import assert_gap_free, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def candles(tmp_path: Path, settings: object) -> None:
    """A few days of synthetic candles."""
    write_sample(tmp_path / FILE_NAME, bars=6000)
    settings.DATA_ROOT = tmp_path  # type: ignore[attr-defined]


def launch(epochs: int) -> TrainingRun:
    tree = {
        "data": {"source": FILE_NAME, "timeframes": ["1m"]},
        "horizons": {"short": "15m", "long": "1h"},
        "model": {"variant": "tiny", "context_bars": 32},
        "train": {"max_epochs": epochs, "batch_size": 256},
    }
    return lifecycle.create_run(compose_config(tree), {})


def curve(run: TrainingRun, metric: str) -> dict[int, float]:
    """Every value of a metric by its step; a step that is drawn twice fails."""
    (found,) = read_curves(run, [metric], Window(width=1_000_000))
    steps = found.points["step"].tolist()
    assert len(steps) == len(set(steps)) > 0
    return dict(zip(steps, found.points["value"].tolist(), strict=True))


@pytest.mark.usefixtures("candles", "transactional_db")
def test_a_tiny_run_completes_and_leaves_a_checkpoint_that_loads(
    real_server: TrainerServer,
) -> None:
    run = launch(epochs=2)

    Background(run, real_server).join(120)

    run.refresh_from_db()
    assert (run.status, run.reason) == (RunStatus.COMPLETED, "completed"), run.message
    assert_gap_free(run)
    assert run.epoch == 2
    assert run.val_loss is not None
    kinds = set(run.events.values_list("kind", flat=True))
    assert kinds == {str(kind) for kind in EventKind}
    paths = set(run.artifacts.values_list("path", flat=True))
    assert {"config.yaml", "metrics.json", "predictions.parquet", "console.log"} <= paths
    best = run.checkpoints.get(is_best=True)
    stored = torch.load(directory(run) / best.path, weights_only=True)
    assert stored
    assert run.artifacts.get(path=best.path).sha256 == best.sha256


@pytest.mark.usefixtures("candles", "transactional_db")
def test_a_tiny_run_is_cancelled_within_ten_seconds(real_server: TrainerServer) -> None:
    run = launch(epochs=500)
    background = Background(run, real_server)
    wait_for(lambda: run.events.filter(kind=EventKind.METRICS).exists(), 60)

    began = time.monotonic()
    lifecycle.request_cancel(run.pk)
    background.join(20)

    run.refresh_from_db()
    assert (run.status, run.reason) == (RunStatus.CANCELLED, "cancelled")
    assert time.monotonic() - began < 10
    assert run.artifacts.filter(path="checkpoints/last.ckpt").exists()


@pytest.mark.usefixtures("candles", "transactional_db")
def test_a_cancelled_run_goes_on_and_ends_as_if_it_had_not_been(
    real_server: TrainerServer,
) -> None:
    whole = launch(epochs=3)
    Background(whole, real_server).join(120)
    run = launch(epochs=3)
    background = Background(run, real_server)
    wait_for(lambda: run.events.filter(kind=EventKind.METRICS, payload__epoch=2).exists(), 60)
    lifecycle.request_cancel(run.pk)
    background.join(20)
    run.refresh_from_db()
    assert run.status == RunStatus.CANCELLED
    stopped_at = run.checkpoints.get(is_last=True).step

    assert resume_run(run.uid).status == RunStatus.PENDING
    Background(run, real_server).join(120)

    run.refresh_from_db()
    whole.refresh_from_db()
    assert (run.status, run.attempt) == (RunStatus.COMPLETED, 2), run.message
    assert (run.metrics["resume"], run.metrics["resumed_from_step"]) == ("exact", stopped_at)
    assert_gap_free(run)
    for metric in ("train_loss", "val_loss"):
        resumed, other = (curve(one, metric) for one in (run, whole))
        assert list(resumed) == sorted(resumed)
        # It reports at its last step before the stop, too.
        assert other.items() <= resumed.items()
    ours, theirs = (
        torch.load(directory(one) / "checkpoints" / "last.ckpt", weights_only=True)["network"]
        for one in (run, whole)
    )
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.usefixtures("candles", "transactional_db")
def test_the_file_that_is_missing_is_named(real_server: TrainerServer) -> None:
    run = launch(epochs=1)
    (directory(run) / "config.yaml").unlink()

    Background(run, real_server).join(60)

    run.refresh_from_db()
    assert (run.status, run.reason) == (RunStatus.FAILED, "config")
    assert "config.yaml" in run.message
