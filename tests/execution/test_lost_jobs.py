"""A job whose worker is gone: done again within seconds, and never by two at once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.apps import apps
from django.db import OperationalError
from django.utils import timezone

from launcher.checkout import ROOT
from runs_app.choices import MAX_JOB_LOSSES, REPEATABLE, JobKind, JobReason, JobState, RunStatus
from runs_app.execution import (
    job_claims,
    jobs,
    leases,
    predicting,
    reconcile,
    rehearsing,
    run_directory,
    slots,
    worker_process,
)
from runs_app.execution.core_process import Command
from runs_app.execution.job_claims import Watch
from runs_app.execution.patience import OUTAGE_SECONDS
from runs_app.execution.pulse import Pulse
from runs_app.models import Job, Queue, TrainingRun, Worker
from tests.execution.test_supervisor import wait_for
from tests.factories import make_run

pytestmark = pytest.mark.django_db

ELSEWHERE = "elsewhere:1:abc"


@pytest.fixture(autouse=True)
def woken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Jobs for which a worker would have been woken."""
    numbers: list[int] = []
    monkeypatch.setattr(jobs, "_wake", numbers.append)
    return numbers


@pytest.fixture
def ended() -> str:
    """The name of a worker of this host that has died."""
    return _died(worker_process.own_name().replace(str(os.getpid()), "1"))


def _died(name: str) -> str:
    worker_process._lock_file(name).touch()
    return name


def work(job: Job, worker: str, *, over: float = -60.0) -> Job:
    """Claim the job for another worker, whose lease has been over for so many seconds."""
    claimed = job_claims.claim(job.pk)
    assert claimed
    until = timezone.now() - timedelta(seconds=over)
    Job.objects.filter(pk=job.pk).update(worker=worker, lease_until=until)
    claimed.refresh_from_db()
    return claimed


def as_it_stands(job: Job) -> tuple[str, str, int]:
    job.refresh_from_db()
    return job.state, job.reason, job.losses


@pytest.mark.parametrize("kind", sorted(REPEATABLE))
def test_a_dead_worker_is_seen_by_its_lock_and_its_job_waits_again(
    kind: JobKind, ended: str, woken: list[int]
) -> None:
    job = work(Job.objects.create(kind=kind, arguments={}), ended)

    assert [one.pk for one in jobs.settle_lost()] == [job.pk]

    assert as_it_stands(job) == (JobState.WAITING, "", 1)
    then = "It goes on." if kind == JobKind.FETCH else "It is done again."
    assert job.message == f"The worker that did this ended in the middle of it. {then}"
    assert (job.worker, job.lease_until, job.started_at) == ("", None, None)
    assert woken == [job.pk]


def test_a_silent_worker_is_judged_by_its_lease(woken: list[int]) -> None:
    there = work(Job.objects.create(kind=JobKind.PREDICTION), ELSEWHERE)
    silent = work(Job.objects.create(kind=JobKind.EXPORT), ELSEWHERE, over=1)

    assert [one.pk for one in jobs.settle_lost()] == [silent.pk]

    assert as_it_stands(there) == (JobState.WORKING, "", 0)
    assert as_it_stands(silent) == (JobState.WAITING, "", 1)
    assert f"was not heard of for {leases.lease_seconds():g} seconds" in silent.message


def test_after_an_outage_every_job_gets_a_fresh_period_as_every_run_does() -> None:
    silent = work(Job.objects.create(kind=JobKind.PREDICTION), ELSEWHERE, over=1)
    long_ago = timezone.now() - timedelta(seconds=leases.lease_seconds())
    Queue.objects.update_or_create(pk=1, defaults={"swept_at": long_ago})

    assert jobs.settle_lost() == []

    assert as_it_stands(silent) == (JobState.WORKING, "", 0)


def test_a_lease_that_was_renewed_meanwhile_keeps_the_job() -> None:
    job = work(Job.objects.create(kind=JobKind.PREDICTION), ELSEWHERE, over=1)
    lost = leases.find_lost(job_claims.working())
    assert Watch(job).wanted()

    assert [job_claims.lose(one) for one in lost] == [None]
    assert as_it_stands(job) == (JobState.WORKING, "", 0)


def test_a_job_is_not_done_again_for_ever(ended: str) -> None:
    job = Job.objects.create(kind=JobKind.PREDICTION)
    for loss in range(1, MAX_JOB_LOSSES + 1):
        work(job, ended)
        jobs.settle_lost()
        assert as_it_stands(job) == (JobState.WAITING, "", loss)
    work(job, ended)
    jobs.settle_lost()
    assert as_it_stands(job)[:2] == (JobState.FAILED, JobReason.WORKER_LOST)
    assert "happened 3 times in a row" in job.message
    assert (job.attempt, job.worker) == (3, ended)

    assert jobs.try_again(job.pk)
    assert as_it_stands(job) == (JobState.WAITING, "", 0)


def test_a_rehearsal_is_not_done_again_by_itself(ended: str, tmp_path: Path) -> None:
    job = work(Job.objects.create(kind=JobKind.REHEARSAL, arguments={"config": {}}), ended)
    rehearsing.folder_of(job).mkdir(parents=True)

    jobs.settle_lost()

    assert as_it_stands(job)[:2] == (JobState.FAILED, JobReason.WORKER_LOST)
    assert not rehearsing.folder_of(job).exists()


def test_the_pulse_looks_for_lost_jobs_before_it_forgets_workers(ended: str) -> None:
    Worker.objects.create(name=ended, host=slots.host_name(), pid=1, seen_at=timezone.now())
    job = work(Job.objects.create(kind=JobKind.LEAK_CHECK), ended)
    Pulse(lambda: None, threading.Event()).beat()
    assert as_it_stands(job)[0] == JobState.WAITING
    assert not Worker.objects.filter(name=ended).exists()


@pytest.fixture
def trained() -> TrainingRun:
    """A run with a checkpoint, whose content nobody reads here."""
    run = make_run(status=RunStatus.COMPLETED)
    folder = run_directory.make(run.uid) / "checkpoints"
    folder.mkdir()
    (folder / "best.ckpt").touch()
    return run


def prediction_of(run: TrainingRun) -> Job:
    wish = {"source": "x", "path": "x", "last": 1, "repair": False}
    return Job.objects.create(kind=JobKind.PREDICTION, run=run, arguments=wish)


def test_a_worker_that_comes_back_changes_nothing(
    trained: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = prediction_of(trained)
    said: list[bool] = []

    def write(command: Command, who: str) -> dict[str, Any]:
        Path(command.arguments[4]).write_text(who)
        return {"by": who}

    def stand_still(command: Command, *, wanted: Callable[[], bool]) -> dict[str, Any]:
        """The first worker's core ends its work long after another one did the same."""
        over = timezone.now() - timedelta(seconds=1)
        Job.objects.filter(pk=job.pk).update(worker=ELSEWHERE, lease_until=over)
        jobs.settle_lost()
        monkeypatch.setattr(jobs, "ask_core", lambda command, wanted: write(command, "second"))
        jobs.carry_out(job.pk)
        said.append(wanted())
        return write(command, "first")

    monkeypatch.setattr(jobs, "ask_core", stand_still)
    jobs.carry_out(job.pk)

    assert as_it_stands(job) == (JobState.DONE, "", 0)
    assert (job.attempt, job.facts, job.message) == (2, {"by": "second"}, "")
    assert said == [False]
    folder = run_directory.path_of(trained.uid)
    assert (folder / predicting.forecast_file(job)).read_text() == "second"
    assert [path.name for path in (folder / "forecasts").iterdir()] == [f"{job.uid}-2.parquet"]
    assert reconcile.differences_of(trained) == []


def test_a_late_failure_changes_nothing_either(monkeypatch: pytest.MonkeyPatch) -> None:
    job = work(Job.objects.create(kind=JobKind.LEAK_CHECK, arguments={"config": {}}), ELSEWHERE)
    again = job_claims.put_back(job)
    second = job_claims.claim(job.pk)
    assert again and second
    assert not job_claims.fail(job, JobReason.BUG, "It broke.", {})
    assert not job_claims.finish(job, {})
    assert not job_claims.put_back(job)
    assert job_claims.finish(second, {"passed": True})
    assert as_it_stands(job)[:2] == (JobState.DONE, "")


def test_what_a_lost_attempt_had_not_finished_is_removed(trained: TrainingRun, ended: str) -> None:
    asked = work(prediction_of(trained), ended)
    export = work(Job.objects.create(kind=JobKind.EXPORT, run=trained), ended)
    folder = run_directory.path_of(trained.uid)
    drafts = [
        folder / f"forecasts/.{asked.uid}.parquet.new", folder / "export/.export-abc/model.onnx"
    ]  # fmt: skip
    for draft in drafts:
        draft.parent.mkdir(parents=True, exist_ok=True)
        draft.touch()
        os.utime(draft, (1, 1))
    told = [one.kind for one in reconcile.differences_of(trained)]
    assert told.count(reconcile.Kind.LEFTOVER) == 2

    assert {one.pk for one in jobs.settle_lost()} == {asked.pk, export.pk}

    assert not any(draft.exists() for draft in drafts)


def test_an_export_at_work_keeps_its_draft(trained: TrainingRun, ended: str) -> None:
    lost = work(Job.objects.create(kind=JobKind.EXPORT, run=trained), ended)
    work(Job.objects.create(kind=JobKind.EXPORT, run=trained), ELSEWHERE)
    draft = run_directory.path_of(trained.uid) / "export/.export-abc"
    draft.mkdir(parents=True)
    assert [one.pk for one in jobs.settle_lost()] == [lost.pk]
    assert draft.exists()


def test_while_it_works_a_job_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    job = work(Job.objects.create(kind=JobKind.PREDICTION), worker_process.own_name(), over=1)
    watch = Watch(job)
    assert watch.wanted()
    assert Job.objects.get(pk=job.pk).lease_until > timezone.now()
    Job.objects.filter(pk=job.pk).update(attempt=2)
    assert watch.wanted()  # it is not asked again so soon
    assert not Watch(job).wanted()


def test_a_database_that_is_away_for_a_while_costs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = work(Job.objects.create(kind=JobKind.PREDICTION), worker_process.own_name())
    watch, now = Watch(job), 1000.0
    monkeypatch.setattr("runs_app.execution.patience.time.monotonic", lambda: now)
    monkeypatch.setattr(job_claims.connection, "close", lambda: None)

    def away(_: Job) -> Any:
        raise OperationalError("away")

    with monkeypatch.context() as context:
        context.setattr(job_claims, "held", away)
        assert watch.wanted()
        now += OUTAGE_SECONDS - 1
        assert watch.wanted()
        watch.heard({"phase": "told to nobody"})
        now += 2
        assert not watch.wanted()
    assert watch.wanted()


def test_a_worker_that_is_asked_to_end_leaves_its_job_to_others(
    trained: TrainingRun, monkeypatch: pytest.MonkeyPatch, woken: list[int]
) -> None:
    monkeypatch.setattr("runs_app.execution.core_process.WATCH_SECONDS", 0.1)
    hangs = Command("timeit", ("-n", "1", "-r", "1", "import time; time.sleep(60)"))
    monkeypatch.setitem(jobs.COMMANDS, JobKind.PREDICTION, lambda _: hangs)
    job = prediction_of(trained)
    job_claims.ENDING.set()
    try:
        jobs.carry_out(job.pk)
    finally:
        job_claims.ENDING.clear()
    assert as_it_stands(job) == (JobState.WAITING, "", 0)
    assert woken == [job.pk]


@pytest.mark.slow
def test_the_core_does_not_outlive_the_worker_that_asked_it(tmp_path: Path) -> None:
    hang = "import time; print('{}', flush=True); time.sleep(600)"
    (tmp_path / "hanging.py").write_text(hang)
    asks = (
        "import django; django.setup();"
        "from pathlib import Path; from runs_app.execution import core_process;"
        f"core_process.PROJECT_ROOT = Path({str(tmp_path)!r});"
        "core_process.ask_core(core_process.Command('hanging', ()))"
    )
    environ = os.environ | {"DJANGO_SETTINGS_MODULE": "aistempre.settings"}
    starter = subprocess.Popen([sys.executable, "-c", asks], cwd=ROOT, env=environ)
    below = psutil.Process(starter.pid)
    try:
        wait_for(lambda: any("hanging" in p.cmdline() for p in below.children()), 60)
        core = next(p for p in below.children() if "hanging" in p.cmdline())
        wait_for(lambda: core.cpu_times().user > 0, 60)
    finally:
        starter.kill()
        starter.wait()
    psutil.wait_procs([core], timeout=10)
    assert not core.is_running() or core.status() == psutil.STATUS_ZOMBIE


EARLIER: dict[str, tuple[dict[str, Any], str]] = {
    "lost": ({"message": "Its worker was lost; ask for it again."}, "worker_lost"),
    "killed": ({"message": "It was ended by the system (SIGKILL); there may be"}, "killed"),
    "slow": ({"message": "It took longer than 600 seconds and was ended."}, "time_limit"),
    "large": ({"message": "It needed more than 2.0 GiB of memory and was"}, "out_of_memory"),
    "trash": ({"message": "The run is in the trash. Restore it, then ask again."}, "refused"),
    "rehearsed": (
        {"message": "Too large.", "facts": {"failure": {"reason": "out_of_memory"}}},
        "out_of_memory",
    ),
    "fields": ({"kind": "leak_check", "facts": {"fields": {"data.source": "no"}}}, "config"),
    "no fields": ({"kind": "leak_check", "facts": {"fields": {}}}, "data"),
    "rows": ({"message": "line 3: open is not a number"}, "data"),
    "cancelled": ({"state": "cancelled"}, "cancelled"),
    "done": ({"state": "done"}, ""),
}


@pytest.mark.parametrize("name", EARLIER)
def test_jobs_of_earlier_versions_get_their_reason(name: str) -> None:
    fields, reason = EARLIER[name]
    job = Job.objects.create(**{"kind": "prediction", "state": "failed"} | fields)
    import_module("runs_app.migrations.0020_job_claims").fill(apps, None)
    assert as_it_stands(job)[1] == reason


def test_a_job_that_an_earlier_version_left_working_is_settled() -> None:
    job = Job.objects.create(kind=JobKind.PREDICTION, state=JobState.WORKING)
    import_module("runs_app.migrations.0020_job_claims").fill(apps, None)
    assert [one.pk for one in jobs.settle_lost()] == [job.pk]
    assert slots.host_name() not in job.worker
    assert as_it_stands(job)[0] == JobState.WAITING
