"""Who does a job: the one place that writes its state once it was asked for.

A claim is the worker's name and the number of the attempt. Every write is conditional on both, so
that a worker which was judged lost and comes back changes nothing. The lease is that of runs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from runs_app.choices import MAX_JOB_LOSSES, REPEATABLE, JobKind, JobReason, JobState
from runs_app.execution import leases, worker_process
from runs_app.execution.leases import Lost
from runs_app.execution.patience import AWAY, Patience
from runs_app.models import Job

ENDING = threading.Event()
"""Set when this worker was asked to end: what it does waits for another one."""

_FREE: dict[str, Any] = {"state": JobState.WAITING, "worker": "", "lease_until": None}


def claim(job_pk: int) -> Job | None:
    """Make a waiting job ours and working; None where it does not wait any more."""
    with transaction.atomic():
        claimed = Job.objects.filter(pk=job_pk, state=JobState.WAITING).update(
            state=JobState.WORKING,
            worker=worker_process.own_name(),
            attempt=F("attempt") + 1,
            lease_until=leases.lease_end(),
            started_at=Now(),
        )
        return Job.objects.select_related("run").get(pk=job_pk) if claimed else None


def held(job: Job) -> QuerySet[Job]:
    """The row of a job that was claimed, as long as it is ours, else nothing."""
    return Job.objects.filter(
        pk=job.pk, state=JobState.WORKING, attempt=job.attempt, worker=job.worker
    )


def working() -> QuerySet[Job]:
    """Jobs that somebody does now."""
    return Job.objects.filter(state=JobState.WORKING)


def finish(job: Job, facts: dict[str, Any]) -> bool:
    """It is done; False where it is not ours any more."""
    return _end(job, state=JobState.DONE, facts=facts, message="")


def fail(job: Job, reason: JobReason, message: str, facts: dict[str, Any]) -> bool:
    """It has no result; the same."""
    return _end(job, state=JobState.FAILED, reason=reason, message=message, facts=facts)


def put_back(job: Job, **changes: Any) -> bool:
    """It waits for whoever is free, for no fault of anybody; the same."""
    return held(job).update(**_FREE, **changes) == 1


def lose(lost: Lost) -> Job | None:
    """Take a job from a worker that is gone; None where it was not its job any more.

    What is returned has the attempt that was lost, and the state and the sentence it has now.
    It waits again, at most ``MAX_JOB_LOSSES`` times in a row, where doing it again is safe.
    """
    row = working().filter(pk=lost.pk, attempt=lost.attempt, worker=lost.worker)
    if lost.silent:
        row = row.filter(lease_until__lt=Now())
    job = row.first()
    if job is None:
        return None
    cause = f"The worker that did this {lost.how}"
    then = "It goes on." if job.kind == JobKind.FETCH else "It is done again."
    message = f"{cause} {then}"
    again = row.filter(kind__in=REPEATABLE, losses__lt=MAX_JOB_LOSSES)
    state = JobState.WAITING
    if not again.update(**_FREE, started_at=None, losses=F("losses") + 1, message=message):
        state, message = JobState.FAILED, f"{cause} {_not_again(job)}"
        if not row.update(
            state=state,
            reason=JobReason.WORKER_LOST,
            message=message,
            lease_until=None,
            finished_at=timezone.now(),
        ):
            return None
    # Not read again: by now the next worker may have it, with an attempt of its own.
    job.state, job.message = state, message
    return job


def cancel(jobs: QuerySet[Job]) -> bool:
    """End those of these that have not ended; False where all had."""
    return bool(
        jobs.filter(state__in=(JobState.WAITING, JobState.WORKING)).update(
            state=JobState.CANCELLED,
            reason=JobReason.CANCELLED,
            message="",
            lease_until=None,
            finished_at=timezone.now(),
        )
    )


def try_again(job_pk: int) -> bool:
    """Put a failed job back to those that wait; False where it has not failed."""
    failed = Job.objects.filter(pk=job_pk, state=JobState.FAILED)
    fresh: dict[str, Any] = {"reason": "", "message": "", "losses": 0}
    return failed.update(**_FREE, **fresh, started_at=None, finished_at=None) == 1


class Watch:
    """What is done for a claimed job while the core works on it, asked every second."""

    def __init__(self, job: Job, facts: Callable[[], dict[str, Any]] | None = None) -> None:
        self._job = job
        self._facts = facts
        self._due = 0.0
        self._patience = Patience(ENDING.is_set)

    def wanted(self) -> bool:
        """Renew the lease and store ``facts``; False where the job is to be left.

        It is another's, was cancelled, this worker ends, or the database is away for too long.
        """
        now = time.monotonic()
        if ENDING.is_set():
            return False
        if now < self._due:
            return True
        told = {"facts": self._facts()} if self._facts else {}
        try:
            ours = held(self._job).update(lease_until=leases.lease_end(), **told) == 1
        except AWAY:
            connection.close()
            return not self._patience.spent()
        self._patience.restore()
        self._due = now if self._facts else now + leases.renewal_seconds()
        return ours

    def heard(self, said: dict[str, Any]) -> None:
        """Where it stands, for the page: replaced by its result."""
        try:
            held(self._job).update(facts=said)
        except AWAY:
            connection.close()


def _end(job: Job, **end: Any) -> bool:
    """The worker stays named: it was the last to do it."""
    return held(job).update(**end, losses=0, lease_until=None, finished_at=timezone.now()) == 1


def _not_again(job: Job) -> str:
    advice = "When the machine and its worker are well, ask for it again."
    if job.kind not in REPEATABLE:
        return advice
    times = f"That happened {MAX_JOB_LOSSES + 1} times in a row"
    return f"{times}, so it is not done again by itself. {advice}"
