"""What a case does again and again with runs of the product under test."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import psutil

from runs_app.choices import FINAL, LIVE, EventKind, RunStatus
from runs_app.models import TrainingRun
from tests.faults.laboratory import Laboratory
from tests.faults.waiting import ask, wait_for

END_SECONDS = 90.0


def launched(
    laboratory: Laboratory, program: Callable[..., int], parameter: int = 0, **changes: Any
) -> str:
    """A run that was acknowledged."""
    return wait_for(
        "a launch", lambda: laboratory.user.launch(program, parameter, **changes), END_SECONDS
    )


def run_of(uid: str) -> TrainingRun:
    """The run as it stands."""
    return ask(lambda: TrainingRun.objects.get(uid=uid))


def trains(uid: str, *, attempt: int = 1, steps: int = 1) -> TrainingRun:
    """The run once that attempt, or a later one, has reported so many steps."""

    def is_training() -> bool:
        run = run_of(uid)
        reported = run.events.filter(kind=EventKind.METRICS, attempt__gte=attempt)
        return run.status == RunStatus.RUNNING and reported.count() >= steps

    wait_for(f"attempt {attempt} of run {uid}", is_training, END_SECONDS)
    return run_of(uid)


def ended(uid: str, seconds: float = END_SECONDS) -> TrainingRun:
    """The run once it has ended."""
    wait_for(f"the end of run {uid}", lambda: run_of(uid).status in FINAL, seconds)
    return run_of(uid)


def killed(process: psutil.Process) -> None:
    """SIGKILL, and the proof that it worked."""
    process.kill()
    wait_for(f"the end of process {process.pid}", lambda: not _lives(process))


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def worker_of(laboratory: Laboratory, uid: str) -> psutil.Process:
    """The worker process that holds the run."""

    def find() -> psutil.Process | None:
        pid = run_of(uid).worker.split(":")[1:2]
        return next((w for w in laboratory.workers() if [str(w.pid)] == pid), None)

    return wait_for(f"the worker of run {uid}", find)


def cancel_all(laboratory: Laboratory) -> None:
    """Bring everything to rest, through the product's own door."""

    def rests() -> bool:
        live = list(TrainingRun.objects.filter(status__in=LIVE).values_list("uid", flat=True))
        for uid in live:
            laboratory.user.act("cancel", uid)
        # What was deleted for good while it was in use goes with the next sweep.
        return not live and not TrainingRun.objects.exclude(purge_started_at=None).exists()

    wait_for("that all runs rest", rests, END_SECONDS)


def expect(fact: object, what: str) -> None:
    """Raise ``AssertionError`` with a sentence unless it holds."""
    if not fact:
        raise AssertionError(what)


def expect_status(uids: Iterable[str], status: RunStatus) -> None:
    """All of them end in that state."""
    for uid in uids:
        run = ended(uid)
        expect(run.status == status, f"run {uid} is {run.status} ({run.message}), not {status}")
