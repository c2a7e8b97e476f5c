"""The trash: what goes there, what it hides, what comes back, and what leaves for good."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from runs_app import group_queries
from runs_app.choices import JobKind, JobState, RunStatus
from runs_app.errors import (
    NoCheckpoint,
    RunInTrash,
    RunInUse,
    RunNotFound,
    RunNotInTrash,
    RunNotResumable,
    RunNotRetryable,
    RunStillLive,
)
from runs_app.execution import jobs, lifecycle, queue, removal, run_directory, trash, wakeups
from runs_app.execution.leases import Claim
from runs_app.execution.lifecycle import Outcome
from runs_app.forecasting.events import Reason
from runs_app.home import home
from runs_app.models import Job, RunGroup, TrainingRun
from runs_app.run_table.page import run_list
from runs_app.run_table.wanted import RunFilter
from runs_app.services.groups import delete_group
from runs_app.services.predict import request_export, request_prediction
from runs_app.services.resume import resume_run
from runs_app.services.retry import retry_run
from runs_app.services.trash import empty_trash, purge_run, restore_run, trash_run
from runs_app.tasks import sweep
from runs_app.trash_queries import trash_page
from tests.factories import (
    make_checkpoint,
    make_completed_run,
    make_event,
    make_group,
    make_run,
    make_running_run,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("runs_root", "no_broker")]

WEIGHTS = b"x" * 50_000


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeups, "wake", lambda _: None)


def with_files(run: TrainingRun) -> TrainingRun:
    """Give the run a directory with 50 000 bytes under two names."""
    directory = run_directory.make(run.uid)
    (directory / "checkpoints").mkdir()
    (directory / "checkpoints/a.ckpt").write_bytes(WEIGHTS)
    (directory / "checkpoints/best.ckpt").hardlink_to(directory / "checkpoints/a.ckpt")
    return run


@pytest.fixture
def ended() -> TrainingRun:
    """A run that has ended, with files and an event."""
    run = with_files(make_completed_run())
    make_event(run)
    return run


def test_the_trash_keeps_everything_and_says_how_much(ended: TrainingRun) -> None:
    run = trash_run(ended.uid)

    assert run.is_trashed
    assert run.status == RunStatus.COMPLETED
    assert len(WEIGHTS) <= run.trash_bytes <= len(WEIGHTS) + 30_000
    assert run_directory.path_of(run.uid).is_dir()
    newest = run.events.last()
    assert newest is not None
    assert newest.payload == {"trashed": True, "message": "Moved to the trash."}
    with pytest.raises(RunInTrash):
        trash_run(ended.uid)


def test_a_trashed_run_is_counted_and_listed_nowhere(ended: TrainingRun) -> None:
    other = make_completed_run()
    trash_run(ended.uid)

    assert [line.run.pk for line in run_list(RunFilter()).lines] == [other.pk]
    assert run_list(RunFilter(search="nothing")).total == 1
    start = home()
    assert ([line.run.pk for line in start.ended], start.total) == ([other.pk], 1)
    page = trash_page()
    assert ([line.run.pk for line in page.lines], page.total) == ([ended.pk], 1)
    assert page.total_bytes >= len(WEIGHTS)


def test_nothing_can_be_done_with_a_trashed_run_but_restore_it(ended: TrainingRun) -> None:
    TrainingRun.objects.filter(pk=ended.pk).update(status=RunStatus.FAILED, reason="killed")
    make_checkpoint(ended)
    run = trash_run(ended.uid)

    with pytest.raises(RunNotResumable, match="restore it first"):
        resume_run(run.uid)
    with pytest.raises(RunNotRetryable, match="restore it first"):
        retry_run(run.uid)
    for act in (
        lambda: request_prediction(run, source="any", last=1),
        lambda: request_export(run),
    ):
        with pytest.raises(RunInTrash, match="restore it first"):
            act()
    assert lifecycle.resume(run.pk, 100) is None
    assert lifecycle.retry(run.pk, 100) is None
    restored = restore_run(run.uid)
    assert (restored.is_trashed, restored.trash_bytes) == (False, 0)
    assert resume_run(run.uid).status == RunStatus.PENDING
    with pytest.raises(RunNotInTrash, match="is not in the trash"):
        restore_run(run.uid)


def test_a_live_run_is_refused_with_a_sentence() -> None:
    for run in (make_run(), make_running_run()):
        with pytest.raises(RunStillLive, match="cancel it before you delete it"):
            trash_run(run.uid)
        run.refresh_from_db()
        assert run.trash_wanted_at is None


def test_cancel_and_delete_a_waiting_run() -> None:
    run = trash_run(with_files(make_run()).uid, cancel=True)

    assert (run.status, run.is_trashed) == (RunStatus.CANCELLED, True)
    assert run.trash_bytes >= len(WEIGHTS)
    assert not queue.waiting().exists()


@pytest.mark.parametrize("status", [RunStatus.CANCELLED, RunStatus.COMPLETED, RunStatus.FAILED])
def test_cancel_and_delete_a_running_run(status: RunStatus) -> None:
    run = trash_run(with_files(make_running_run()).uid, cancel=True)
    assert (run.status, run.is_trashed) == (RunStatus.RUNNING, False)
    assert run.cancel_requested_at is not None
    assert run.trash_wanted_at is not None

    # However it ends: the wish stands until it is restored.
    held = Claim(run.pk, run.uid, run.attempt, run.worker)
    ended = lifecycle.settle(held, Outcome(status, Reason.CANCELLED, "It ended."))

    assert ended is not None
    assert ended.is_trashed
    trash.tidy()
    ended.refresh_from_db()
    assert ended.trash_bytes >= len(WEIGHTS)
    assert restore_run(run.uid).trash_wanted_at is None


def test_cancel_and_delete_a_run_whose_worker_is_lost() -> None:
    run = trash_run(make_running_run().uid, cancel=True)

    lost = lifecycle.lose(run.pk, run.attempt, run.worker, "It is gone.")

    assert lost is not None
    assert (lost.status, lost.is_trashed) == (RunStatus.CANCELLED, True)


def test_purge_deletes_files_then_rows_and_says_what_was_freed(ended: TrainingRun) -> None:
    with pytest.raises(RunNotInTrash, match="Delete it first"):
        purge_run(ended.uid)
    told = trash_run(ended.uid).trash_bytes

    freed = purge_run(ended.uid)

    assert freed == told
    assert not run_directory.path_of(ended.uid).exists()
    assert not TrainingRun.objects.filter(pk=ended.pk).exists()
    with pytest.raises(RunNotFound):
        purge_run(ended.uid)


@pytest.mark.parametrize("moment", ["files", "rows"])
def test_an_interrupted_purge_is_finished_by_the_sweep(
    ended: TrainingRun, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trash_run(ended.uid)
    with monkeypatch.context() as patch:
        if moment == "files":
            patch.setattr(removal, "_rmdir", _fail)
        else:
            patch.setattr(trash, "_delete_rows", _fail)
        with pytest.raises(OSError, match="interrupted"):
            purge_run(ended.uid)
    with pytest.raises(RunNotInTrash, match="being deleted for good"):
        restore_run(ended.uid)

    sweep()

    assert not run_directory.path_of(ended.uid).exists()
    assert not TrainingRun.objects.filter(pk=ended.pk).exists()


def _fail(*_: object) -> int:
    raise OSError("interrupted")


def test_the_sweep_deletes_what_has_lain_there_too_long(settings: Settings) -> None:
    old, young = (with_files(make_completed_run()) for _ in range(2))
    for run in (old, young):
        trash_run(run.uid)
    long_ago = timezone.now() - timedelta(days=settings.TRASH_DAYS, seconds=1)
    TrainingRun.objects.filter(pk=old.pk).update(trashed_at=long_ago)

    sweep()

    assert list(TrainingRun.objects.values_list("pk", flat=True)) == [young.pk]
    assert run_directory.path_of(young.uid).is_dir()


def test_empty_the_trash(ended: TrainingRun) -> None:
    kept = with_files(make_completed_run())
    others = [with_files(make_completed_run()) for _ in range(2)]
    told = sum(trash_run(run.uid).trash_bytes for run in (ended, *others))

    done = empty_trash()

    assert (done.runs, done.freed, done.left, done.faults) == (3, told, 0, [])
    assert [run.pk for run in TrainingRun.objects.all()] == [kept.pk]


def test_what_emptying_has_no_time_for_goes_with_the_sweep(
    ended: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runs_app.services.trash.EMPTY_SECONDS", -1.0)
    trash_run(ended.uid)

    assert empty_trash().left == 1
    with pytest.raises(RunNotInTrash):
        restore_run(ended.uid)
    sweep()
    assert not TrainingRun.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_purges_at_once_have_one_effect() -> None:
    """AC-30: several try at the same moment; one frees the bytes, none fails."""
    for _ in range(10):
        run = with_files(make_completed_run())
        told = trash_run(run.uid).trash_bytes
        freed = _at_once(4, lambda pk=run.pk: trash.purge(pk))
        assert sorted(freed) == [0, 0, 0, told]
        assert not TrainingRun.objects.filter(pk=run.pk).exists()
        assert not run_directory.path_of(run.uid).exists()


@pytest.mark.django_db(transaction=True)
def test_a_run_is_restored_or_purged_and_never_both() -> None:
    for _ in range(10):
        run = with_files(make_completed_run())
        trash_run(run.uid)
        results = _at_once(2, lambda pk=run.pk: (trash.purge(pk), trash.take_out(pk)))
        assert len(results) == 2
        there = TrainingRun.objects.filter(pk=run.pk).exists()
        assert run_directory.path_of(run.uid).exists() == there


def _at_once(count: int, act: Callable[[], object]) -> list[object]:
    """What ``act`` returned in each of several threads that began together."""
    barrier = threading.Barrier(count)
    results: list[object] = []

    def work() -> None:
        try:
            barrier.wait()
            results.append(act())
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_a_run_is_not_purged_under_a_job_or_a_trainer(ended: TrainingRun) -> None:
    trash_run(ended.uid)
    job = Job.objects.create(kind=JobKind.EXPORT, state=JobState.WORKING, run=ended)

    with pytest.raises(RunInUse, match="prediction or an export"):
        purge_run(ended.uid)
    job.delete()
    lock = run_directory.path_of(ended.uid) / "trainer.lock"
    lock.touch()
    with removal.unused(lock), pytest.raises(RunInUse, match="trainer"):
        purge_run(ended.uid)
    with removal.unused(lock):
        answer = Client().delete(f"/trash/{ended.uid}")
    assert (answer.status_code, answer.json()["left"]) == (202, 1)
    assert "the run is deleted when it has" in answer.json()["faults"][0]
    assert (run_directory.path_of(ended.uid) / "checkpoints/a.ckpt").is_file()

    sweep()
    assert not TrainingRun.objects.exists()


def test_a_job_that_waited_does_nothing_in_the_trash(ended: TrainingRun) -> None:
    job = Job.objects.create(kind=JobKind.EXPORT, run=ended)
    trash_run(ended.uid)

    jobs.carry_out(job.pk)

    job.refresh_from_db()
    assert (job.state, job.message) == (
        JobState.FAILED, "The run is in the trash. Restore it, then ask again.",
    )  # fmt: skip


def test_a_group_goes_with_its_last_run() -> None:
    group = make_group(folds=1, seeds=3)
    runs = list(group.runs.order_by("pk"))
    trash_run(runs[0].uid)
    assert group_queries.group_page(group).counts == {"completed": 2, "deleted": 1}

    assert delete_group(group.uid) == 2

    assert group_queries.group_list().lines == []
    for number, run in enumerate(runs, 1):
        assert RunGroup.objects.exists()
        purge_run(run.uid)
        assert RunGroup.objects.exists() == (number < len(runs))


def test_a_group_that_trains_is_refused_or_cancelled_first() -> None:
    group = make_group(folds=1, seeds=3)
    first, second, _ = group.runs.order_by("pk")
    TrainingRun.objects.filter(pk=first.pk).update(status=RunStatus.PENDING)
    TrainingRun.objects.filter(pk=second.pk).update(status=RunStatus.RUNNING)
    with pytest.raises(RunStillLive, match="2 runs have not ended"):
        delete_group(group.uid)

    assert delete_group(group.uid, cancel=True) == 3

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, first.is_trashed) == (RunStatus.CANCELLED, True)
    assert (second.is_trashed, second.trash_wanted_at is not None) == (False, True)


def test_links_are_removed_and_their_targets_stay(ended: TrainingRun, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("mine")
    directory = run_directory.path_of(ended.uid)
    (directory / "link").symlink_to(outside / "precious")
    (directory / "folder").symlink_to(outside)
    (directory / "loop").symlink_to(directory)
    (directory / "hard").hardlink_to(outside / "precious")
    other = make_completed_run()
    run_directory.path_of(other.uid).symlink_to(outside)

    for run in (ended, other):
        trash_run(run.uid)
    empty_trash()

    assert (outside / "precious").read_text() == "mine"
    assert not TrainingRun.objects.exists()
    assert not any(directory.parent.iterdir())


def test_a_run_without_a_checkpoint_still_says_so(ended: TrainingRun) -> None:
    with pytest.raises(NoCheckpoint):
        request_export(make_completed_run())
