"""Groups: planned as a whole, launched all or none, cancelled and deleted together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runs_app.choices import RunStatus
from runs_app.errors import GroupNotFound, RunStillLive
from runs_app.execution import run_directory, wakeups
from runs_app.forecasting.config.document import validate
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.models import RunGroup, TrainingRun
from runs_app.services import groups
from runs_app.services.clone import clone_run
from runs_app.services.groups import cancel_group, delete_group, launch_group, read_size
from runs_app.services.retry import retry_run
from runs_app.services.trash import empty_trash

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("runs_root", "candles")]

PAYLOAD = {
    "data_source": "BTCUSDT_1m", "timeframes": ["15m"], "variant": "tiny", "long_horizon": "1d",
}  # fmt: skip


@pytest.fixture(autouse=True)
def woken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    numbers: list[int] = []
    monkeypatch.setattr(wakeups, "wake", numbers.append)
    return numbers


def refused(path: str, match: str, **size: Any) -> None:
    with pytest.raises(ConfigInvalid, match=match) as caught:
        launch_group(PAYLOAD, size=read_size(**size))
    assert [error.path for error in caught.value.errors] == [path]
    assert not TrainingRun.objects.exists()
    assert not RunGroup.objects.exists()


def test_folds_times_seeds_are_ordinary_runs(
    woken: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        group = launch_group(PAYLOAD, name="real", size=read_size(folds=3, seeds=2))
    runs = list(group.runs.order_by("pk"))
    assert (group.planned, group.scheme, len(runs)) == (6, "expanding", 6)
    assert [(run.fold, run.seed) for run in runs] == [(f, s) for f in (1, 2, 3) for s in (7, 8)]
    assert runs[0].name == "fold 1/3 · seed 7 · real"
    for run in runs:
        config = validate(run.config)
        assert (run.status, config.train.seed) == (RunStatus.PENDING, run.seed)
        assert (run_directory.path_of(run.uid) / "config.yaml").is_file()
    first, second = validate(runs[0].config).data, validate(runs[2].config).data
    assert first.test_end == second.test_start
    assert woken == [run.pk for run in runs]  # once each, though there are fewer than ten


def test_seeds_alone_have_no_dates() -> None:
    group = launch_group(PAYLOAD, size=read_size(seeds=3))
    assert (group.folds, group.scheme) == (1, "")
    assert {run.config["data"]["test_start"] for run in group.runs.all()} == {None}
    assert group.runs.order_by("pk")[1].name == "seed 8"


@pytest.mark.parametrize(
    ("size", "path", "match"),
    [
        ({}, "folds", "at least 2"),
        ({"folds": 0}, "folds", "1 to 50"),
        ({"folds": "51"}, "folds", "1 to 50"),
        ({"folds": 2.5}, "folds", "whole number"),
        ({"folds": True}, "folds", "whole number"),
        ({"seeds": "many"}, "seeds", "whole number"),
        ({"seeds": -1}, "seeds", "1 to 50"),
        ({"folds": 2, "scheme": "sliding"}, "scheme", "expanding or rolling"),
        ({"folds": 50, "seeds": 50}, "folds", "2,500 runs"),
    ],
)
def test_bad_sizes_are_refused_and_nothing_is_made(
    size: dict[str, Any], path: str, match: str
) -> None:
    refused(path, match, **size)


def test_folds_for_which_the_candles_do_not_suffice_are_refused() -> None:
    with pytest.raises(ConfigInvalid, match="choose fewer folds") as caught:
        launch_group(
            PAYLOAD | {"timeframes": ["1h"], "short_horizon": "2h"}, size=read_size(folds=50)
        )
    assert [error.path for error in caught.value.errors] == ["folds"]
    assert not TrainingRun.objects.exists()


def test_a_fault_half_way_leaves_nothing(monkeypatch: pytest.MonkeyPatch, runs_root: Path) -> None:
    real, made = groups.create_run, []

    def fail_at_third(*args: Any, **kwargs: Any) -> TrainingRun:
        if len(made) == 2:
            raise OSError(28, "No space left on device")
        made.append(1)
        return real(*args, **kwargs)

    monkeypatch.setattr(groups, "create_run", fail_at_third)
    with pytest.raises(OSError, match="No space"):
        launch_group(PAYLOAD, size=read_size(seeds=4))
    assert not RunGroup.objects.exists()
    assert list(runs_root.iterdir()) == []


def test_cancel_and_delete_take_all_runs(runs_root: Path) -> None:
    group = launch_group(PAYLOAD, size=read_size(seeds=3))
    running = group.runs.first()
    assert running is not None
    TrainingRun.objects.filter(pk=running.pk).update(status=RunStatus.RUNNING)
    with pytest.raises(RunStillLive, match="3 runs have not ended"):
        delete_group(group.uid)

    assert cancel_group(group.uid) == 3
    running.refresh_from_db()
    assert running.cancel_requested_at is not None
    TrainingRun.objects.filter(pk=running.pk).update(status=RunStatus.CANCELLED)
    assert cancel_group(group.uid) == 0

    assert delete_group(group.uid) == 3
    assert empty_trash().runs == 3
    assert not TrainingRun.objects.exists()
    assert list(runs_root.iterdir()) == []
    with pytest.raises(GroupNotFound):
        delete_group(group.uid)


def test_a_retry_keeps_the_place_and_a_clone_stands_outside() -> None:
    group = launch_group(PAYLOAD, size=read_size(seeds=2))
    run = group.runs.order_by("pk")[1]
    TrainingRun.objects.filter(pk=run.pk).update(status="failed", reason="worker_lost")
    again = retry_run(run.uid)
    assert (again.pk, again.group, again.seed) == (run.pk, group, 8)
    clone = clone_run(run.uid)
    assert (clone.parent, clone.group, clone.config) == (run, None, run.config)
    assert group.runs.count() == 2
