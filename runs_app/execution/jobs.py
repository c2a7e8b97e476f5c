"""Jobs: short work of the core, such as a prediction, done once by whichever worker is free.

A job's row is its queue, as a run's is: the message only wakes. ``COMMANDS`` has what each kind
of job becomes on the core's command line. A rehearsal needs a slot, and waits until one is free.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from runs_app.choices import JobKind, JobState
from runs_app.execution import (
    fetching,
    leak_checking,
    messages,
    predicting,
    rehearsing,
    slot_rows,
    slots,
)
from runs_app.execution.core_process import SECONDS, Command, CoreFailed, ask_core
from runs_app.execution.leases import from_now
from runs_app.models import Job, TrainingRun

logger = logging.getLogger(__name__)

CARRY_OUT = "runs_app.carry_out"
"""Name of the task in ``tasks.py``, which stands above this file and so is called by name."""

LOST = "Its worker was lost; ask for it again."
"""Message of a job that nobody carried out to its end."""
GRACE_SECONDS = 60.0
"""How long after its time limit a job's worker may still be heard of."""


COMMANDS: dict[JobKind, Callable[[Job], Command]] = {
    JobKind.PREDICTION: predicting.command,
    JobKind.LEAK_CHECK: leak_checking.command,
    JobKind.EXPORT: predicting.export_job,
}
"""Each raises ``CoreFailed`` where the job cannot be done any more."""


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
    held = slots.acquire(drained=slot_rows.drained())
    if held is None:
        return False
    try:
        job = _claimed(job_pk)
        if job is not None:
            with slot_rows.lent(held.names):
                heard = _noting(job_pk)
                _do(job, lambda: ask_core(rehearsing.command(job, held), heard=heard))
            rehearsing.clear(job)
    finally:
        held.release()
    return True


def _noting(job_pk: int) -> Callable[[dict[str, Any]], object]:
    """Where a job stands, for the page: replaced by its result."""
    return lambda said: Job.objects.filter(pk=job_pk, state=JobState.WORKING).update(facts=said)


def carry_out(job_pk: int) -> None:
    """Claim the job and do it; nothing where somebody else has, or it has ended."""
    job = _claimed(job_pk)
    if job is not None:
        _do(job, lambda: _work_of(job))


def _work_of(job: Job) -> dict[str, Any]:
    if job.kind == JobKind.FETCH:
        return fetching.carry_on(job)
    return ask_core(COMMANDS[JobKind(job.kind)](job))


def _claimed(job_pk: int) -> Job | None:
    claimed = Job.objects.filter(pk=job_pk, state=JobState.WAITING).update(
        state=JobState.WORKING, started_at=Now()
    )
    return Job.objects.select_related("run").get(pk=job_pk) if claimed else None


def _do(job: Job, work: Callable[[], dict[str, Any]]) -> None:
    facts: dict[str, Any] = {}
    message = ""
    try:
        facts = work()
    except CoreFailed as failed:
        facts, message = failed.facts, str(failed)
    except Exception:
        logger.exception("Job %s: a fault of the product.", job.uid)
        message = "A fault of the product; the worker's log has the details."
    if not facts.get("done", True):  # a slice of it: the rest waits for whoever is free
        Job.objects.filter(pk=job.pk, state=JobState.WORKING).update(
            state=JobState.WAITING, facts=_known(job) | facts
        )
        return
    state = JobState.FAILED if message else JobState.DONE
    Job.objects.filter(pk=job.pk, state=JobState.WORKING).update(
        state=state, facts=facts or _known(job), message=message, finished_at=timezone.now()
    )


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
    again = Job.objects.filter(pk=job_pk, state=JobState.FAILED).update(
        state=JobState.WAITING, message="", started_at=None, finished_at=None
    )
    if again:
        transaction.on_commit(lambda: _wake(job_pk))
    return bool(again)


def settle_lost() -> int:
    """Fail jobs whose worker has not been heard of long after their limit; how many."""
    fetching.take_up_lost()
    limit = from_now(-(SECONDS + GRACE_SECONDS))
    lost = Job.objects.filter(kind=JobKind.REHEARSAL, state=JobState.WORKING, started_at__lt=limit)
    for job in lost:
        rehearsing.clear(job)
        slot_rows.take_back()
    return Job.objects.filter(state=JobState.WORKING, started_at__lt=limit).update(
        state=JobState.FAILED,
        message=LOST,
        finished_at=timezone.now(),
    )


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
