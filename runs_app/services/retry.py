"""Try a run once more that the infrastructure ended, as the same run."""

from __future__ import annotations

from runs_app.choices import RunStatus
from runs_app.endings import Button, instead
from runs_app.errors import RunNotRetryable
from runs_app.execution import lifecycle
from runs_app.models import TrainingRun
from runs_app.queries import get_run
from runs_app.services.launch import refuse_full


def retry_run(uid: str) -> TrainingRun:
    """Queue it again: it goes on from its newest checkpoint, or starts over without one.

    A run of a group keeps its place. Raises ``RunNotFound``, ``DiskFull``, and ``RunNotRetryable``
    with what to do instead.
    """
    run = get_run(uid)
    refuse_full()
    step = run.checkpoints.order_by("-step").values_list("step", flat=True).first()
    retried = lifecycle.retry(run.pk, step)
    if retried is None:
        run.refresh_from_db()
        raise RunNotRetryable(_why_not(run))
    return retried


def _why_not(run: TrainingRun) -> str:
    if run.is_trashed:
        return f"Run {run.uid} is in the trash; restore it first."
    if run.is_live:
        why = f"Run {run.uid} is {run.status}, so there is nothing to retry yet."
    elif run.is_final and run.status != RunStatus.FAILED:
        why = f"Run {run.uid} is {run.status}; Retry is for runs that the machine ended."
    else:
        why = (
            f"Run {run.uid} failed by itself and not by the machine it ran on, and the same would "
            "fail again."
        )
    return f"{why} {instead(run, Button.RETRY)}"
