"""Every run started on a data set is counted, and the trainer is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from runs_app.execution import run_directory
from runs_app.execution.tries import note_try
from runs_app.forecasting.evaluation.context import CONTEXT_FILE, read_context
from runs_app.models import RunGroup, TrainingRun
from tests.factories import make_config, make_data_set, make_run

Train = Callable[[str], TrainingRun]


def test_the_supervisor_counts_before_the_trainer_starts(train: Train) -> None:
    data_set = make_data_set(path="sample.csv")
    runs = [train("complete"), train("complete")]
    told = [read_context(run_directory.path_of(run.uid)).tries for run in runs]
    assert told == [1, 2]
    data_set.refresh_from_db()
    assert data_set.tries == 2
    assert not any(run.artifacts.filter(path=CONTEXT_FILE).exists() for run in runs)


def started(tmp_path: Path, **fields: object) -> tuple[TrainingRun, int]:
    run = make_run(attempt=1, **fields)
    directory = tmp_path / run.uid
    directory.mkdir()
    note_try(run.pk, directory)
    return run, json.loads((directory / CONTEXT_FILE).read_text())["tries"]


@pytest.mark.django_db
def test_deleting_runs_forgets_no_try(tmp_path: Path) -> None:
    make_data_set(path="sample.csv")
    make_run()  # pending: it has seen nothing yet
    first, tries = started(tmp_path)
    assert tries == 1
    first.delete()
    assert started(tmp_path)[1] == 2


@pytest.mark.django_db
def test_other_data_and_later_attempts_do_not_count(tmp_path: Path) -> None:
    make_data_set(path="sample.csv")
    other = make_config(data={"source": "other.csv"}).model_dump(mode="json")
    assert started(tmp_path, config=other)[1] == 1
    run, tries = started(tmp_path)
    assert tries == 1
    started(tmp_path)
    note_try(run.pk, tmp_path / run.uid)
    assert read_context(tmp_path / run.uid).tries == 1


@pytest.mark.django_db
def test_the_runs_of_a_group_are_one_try(tmp_path: Path) -> None:
    make_data_set(path="sample.csv")
    started(tmp_path)
    group = RunGroup.objects.create(folds=3, config={})
    assert [started(tmp_path, group=group, fold=fold)[1] for fold in (1, 2, 3)] == [2, 2, 2]
    assert started(tmp_path)[1] == 3


@pytest.mark.django_db
def test_runs_are_counted_where_the_data_set_was_forgotten(tmp_path: Path) -> None:
    assert started(tmp_path)[1] == 1
    assert started(tmp_path)[1] == 2
    make_data_set(path="sample.csv")  # found again later
    assert started(tmp_path)[1] == 3
