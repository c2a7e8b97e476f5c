"""A real group: two folds with two seeds each, trained, and its page's figures recomputed."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest

from runs_app.choices import RunStatus
from runs_app.execution.trainer_process import TrainerServer
from runs_app.forecasting.data.sample import FILE_NAME, write_sample
from runs_app.forecasting.evaluation.documents import BASELINES
from runs_app.forecasting.events import METRICS_FILE
from runs_app.group_queries import group_page
from runs_app.models import TrainingRun
from runs_app.services.groups import launch_group, read_size
from tests.execution.conftest import claim, directory, supervise

pytestmark = pytest.mark.slow

PAYLOAD = {
    "data": {"source": FILE_NAME, "timeframes": ["5m"]},
    "horizons": {"short": "15m", "long": "1h"},
    "model": {"variant": "tiny", "context_bars": 32},
    "train": {"max_epochs": 1, "batch_size": 128, "steps_per_epoch": 10},
}


def comparisons(run: TrainingRun) -> list[dict[str, Any]]:
    """What the run's own metrics.json says about each baseline."""
    written = json.loads((directory(run) / METRICS_FILE).read_text())
    found: list[dict[str, Any]] = written["verdict"]["comparisons"]
    return found


@pytest.mark.usefixtures("transactional_db")
def test_mean_and_spread_are_those_of_the_runs_own_files(
    tmp_path: Path, settings: Any, real_server: TrainerServer
) -> None:
    write_sample(tmp_path / FILE_NAME, bars=12_000)
    settings.DATA_ROOT = tmp_path
    group = launch_group(PAYLOAD, size=read_size(folds=2, seeds=2))
    runs = list(group.runs.order_by("pk"))
    for run in runs:
        supervise(claim(run), real_server)
        run.refresh_from_db()
        assert run.status == RunStatus.COMPLETED, run.message

    page = group_page(group)
    assert (page.ended, page.verdict.judged, page.verdict.planned) == (True, 4, 4)
    assert {one.baseline for one in page.verdict.comparisons} == set(BASELINES)
    written = [comparisons(run) for run in runs]
    for one in page.verdict.comparisons:
        skills, models = (
            [
                found[name]
                for run in written
                for found in run
                if (found["baseline"], found["score"]) == (one.baseline, one.score)
            ]
            for name in ("skill", "model")
        )
        assert len(set(skills)) > 1
        assert one.skill.mean == pytest.approx(fmean(skills), rel=1e-12)
        assert one.skill.deviation == pytest.approx(stdev(skills), rel=1e-12)
        assert (one.skill.low, one.skill.high) == (min(skills), max(skills))
        assert one.model.mean == pytest.approx(fmean(models), rel=1e-12)

    first, second = (json.loads((directory(run) / METRICS_FILE).read_text()) for run in runs[::2])
    rows = first["verdict"]["rows"] + second["verdict"]["rows"]
    assert page.verdict.rows == rows
