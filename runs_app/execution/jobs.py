"""Jobs: short work of the core, such as a prediction, done once by whichever worker is free.

A job's row is its queue, as a run's is: the message only wakes. ``COMMANDS`` has what each kind
of job becomes on the core's command line.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from runs_app.choices import JobKind, JobState
from runs_app.execution import leak_checking, messages, predicting
from runs_app.execution.core_process import SECONDS, Command, CoreFailed, ask_core
from runs_app.models import Job, TrainingRun

logger = logging.getLogger(__name__)

CARRY_OUT = "runs_app.carry_out"
"""Name of the task in ``tasks.py``, which stands above this file and so is called by name."""

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


def carry_out(job_pk: int) -> None:
    """Claim the job and do it; nothing where somebody else has, or it has ended."""
    claimed = Job.objects.filter(pk=job_pk, state=JobState.WAITING).update(
        state=JobState.WORKING, started_at=timezone.now()
    )
    if not claimed:
        return
    job = Job.objects.select_related("run").get(pk=job_pk)
    facts: dict[str, Any] = {}
    message = ""
    try:
        facts = ask_core(COMMANDS[JobKind(job.kind)](job))
    except CoreFailed as failed:
        facts, message = failed.facts, str(failed)
    except Exception:
        logger.exception("Job %s: a fault of the product.", job.uid)
        message = "A fault of the product; the worker's log has the details."
    state = JobState.FAILED if message else JobState.DONE
    Job.objects.filter(pk=job_pk, state=JobState.WORKING).update(
        state=state, facts=facts, message=message, finished_at=timezone.now()
    )


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
    limit = timezone.now() - timedelta(seconds=SECONDS + GRACE_SECONDS)
    return Job.objects.filter(state=JobState.WORKING, started_at__lt=limit).update(
        state=JobState.FAILED,
        message="Its worker was lost; ask for it again.",
        finished_at=timezone.now(),
    )


def wake_waiting(count: int) -> None:
    """Wake a worker for each of the ``count`` longest waiting jobs."""
    waiting = Job.objects.filter(state=JobState.WAITING).order_by("created_at", "pk")
    for job_pk in waiting.values_list("pk", flat=True)[:count]:
        _wake(job_pk)


def _wake(job_pk: int) -> None:
    messages.send(CARRY_OUT, job_pk)
