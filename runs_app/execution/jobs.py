"""Jobs: short work of the core, such as a prediction, done once by whichever worker is free.

A job's row is its queue, as a run's is: the message only wakes. ``COMMANDS`` has what each kind
of job becomes on the core's command line. A rehearsal needs a slot, and waits until one is free.
``job_claims`` says who does a job; what a lost worker leaves is settled here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from runs_app.choices import JobKind, JobReason, JobState
from runs_app.execution import (
    fetching,
    job_claims,
    leak_checking,
    leases,
    messages,
    predicting,
    rehearsing,
    slot_rows,
    slots,
    worker_process,
)
from runs_app.execution.core_process import FAULT, Command, CoreFailed, ask_core
from runs_app.execution.job_claims import Watch
from runs_app.execution.patience import Patience, patiently
from runs_app.models import Job, TrainingRun

logger = logging.getLogger(__name__)

CARRY_OUT = "runs_app.carry_out"
"""Name of the task in ``tasks.py``, which stands above this file and so is called by name."""

COMMANDS: dict[JobKind, Callable[[Job], Command]] = {
    JobKind.PREDICTION: predicting.command,
    JobKind.LEAK_CHECK: leak_checking.command,
    JobKind.EXPORT: predicting.export_job,
}
"""Each raises ``CoreFailed`` where the job cannot be done any more."""

CLEARED: dict[JobKind, Callable[[Job], object]] = {
    JobKind.PREDICTION: predicting.clear,
    JobKind.EXPORT: predicting.clear_export,
    JobKind.REHEARSAL: rehearsing.clear,
}
"""What is to be removed of an attempt that has no result."""


def submit(kind: JobKind, arguments: dict[str, Any], *, run: TrainingRun | None = None) -> Job:
    """Record the job and wake a worker once that is committed."""
    job = Job.objects.create(kind=kind, arguments=arguments, run=run)
    transaction.on_commit(lambda: _wake(job.pk))
    return job


def needs_slot(job_pk: int) -> bool:
    """Whether the job waits for a place to train on."""
    return Job.objects.filter(pk=job_pk, kind=JobKind.REHEARSAL, state=JobState.WAITING).exists()


def rehearse(job_pk: int) -> bool:
    """Do a rehearsal on a free slot; False, and it goes on waiting, where there is none."""
    places = slots.acquire(drained=slot_rows.drained())
    if places is None:
        return False
    try:
        job = job_claims.claim(job_pk)
        if job is not None:
            with slot_rows.lent(places.names):
                command, watch = partial(rehearsing.command, job, places), Watch(job)
                _do(job, lambda: ask_core(command(), heard=watch.heard, wanted=watch.wanted))
            rehearsing.clear(job)
    finally:
        places.release()
    return True


def carry_out(job_pk: int) -> None:
    """Claim the job and do it; nothing where somebody else has, or it has ended."""
    job = job_claims.claim(job_pk)
    if job is not None:
        _do(job, lambda: _work_of(job))


def _work_of(job: Job) -> dict[str, Any]:
    if job.kind == JobKind.FETCH:
        return fetching.carry_on(job)
    return ask_core(COMMANDS[JobKind(job.kind)](job), wanted=Watch(job).wanted)


def _do(job: Job, work: Callable[[], dict[str, Any]]) -> None:
    """Do it and store what came of it, also where the database is away for a while."""
    ours = patiently(_told(job, work), Patience(job_claims.ENDING.is_set))
    if not ours:
        logger.warning("Job %s was cancelled or is done by another worker.", job.uid)
        _clear(job)


def _told(job: Job, work: Callable[[], dict[str, Any]]) -> Callable[[], bool]:
    """Do it; what is to be stored of it, which may be tried again."""
    try:
        facts = work()
    except CoreFailed as failed:
        _clear(job)
        if failed.reason == JobReason.CANCELLED:  # by this worker, if the job is still its own
            return lambda: _waits_again(job, message="")
        said, reason, message = failed.facts, failed.reason, str(failed)
    except Exception:
        logger.exception("Job %s: a fault of the product.", job.uid)
        _clear(job)
        said, reason, message = {}, JobReason.BUG, FAULT
    else:
        if facts.get("done", True):
            return lambda: job_claims.finish(job, facts)
        # A slice of it: the rest waits for whoever is free.
        return lambda: _waits_again(job, facts=_known(job) | facts, message="", losses=0)
    return lambda: job_claims.fail(job, reason, message, said or _known(job))


def _waits_again(job: Job, **changes: Any) -> bool:
    ours = job_claims.put_back(job, **changes)
    if ours and job_claims.ENDING.is_set():
        _wake(job.pk)
    return ours


def _known(job: Job) -> dict[str, Any]:
    """How far a fetch came; of other kinds nothing stays but the result."""
    if job.kind != JobKind.FETCH:
        return {}
    facts: dict[str, Any] = Job.objects.values_list("facts", flat=True).get(pk=job.pk)
    return facts


def is_fetch(job_pk: int) -> bool:
    """Whether the job waits for an exchange most of its time, and so hinders no other."""
    return Job.objects.filter(pk=job_pk, kind=JobKind.FETCH).exists()


def try_again(job_pk: int) -> bool:
    """Put a failed job back to those that wait; False where it has not failed."""
    again = job_claims.try_again(job_pk)
    if again:
        transaction.on_commit(lambda: _wake(job_pk))
    return again


def settle_lost() -> list[Job]:
    """Take every job from a worker that is gone; returns them as they stand now."""
    settled = []
    for lost in leases.find_lost(job_claims.working()):
        job = job_claims.lose(lost)
        if job is None:
            continue
        logger.warning("Job %s: %s", job.uid, job.message)
        _clear(job)
        if job.kind == JobKind.REHEARSAL:
            slot_rows.take_back(worker_process.host_of(lost.worker))
        if job.state == JobState.WAITING:
            _wake(job.pk)
        settled.append(job)
    return settled


def _clear(job: Job) -> None:
    """Remove what an attempt without a result left, as it was claimed or lost."""
    if clear := CLEARED.get(JobKind(job.kind)):
        clear(job)


def wake_waiting(count: int) -> None:
    """Wake a worker for each of the ``count`` longest waiting jobs that need no slot.

    Fetches are counted apart, since a worker does one beside another job.
    """
    _wake_each(Job.objects.exclude(kind__in=(JobKind.REHEARSAL, JobKind.FETCH)), count)
    _wake_each(Job.objects.filter(kind=JobKind.FETCH), count)


def wake_rehearsals(count: int = 1) -> None:
    """The same for rehearsals: when a slot may have become free, or else they would run in vain."""
    _wake_each(Job.objects.filter(kind=JobKind.REHEARSAL), count)


def _wake_each(jobs: QuerySet[Job], count: int) -> None:
    waiting = jobs.filter(state=JobState.WAITING).order_by("created_at", "pk")
    for job_pk in waiting.values_list("pk", flat=True)[:count]:
        _wake(job_pk)


def _wake(job_pk: int) -> None:
    messages.send(CARRY_OUT, job_pk)
