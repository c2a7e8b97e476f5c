"""Go on with a run that stopped, as the same run."""

from __future__ import annotations

from runs_app.choices import RESUMABLE
from runs_app.endings import Button, instead
from runs_app.errors import RunNotResumable
from runs_app.execution import lifecycle
from runs_app.forecasting.events import Reason
from runs_app.models import TrainingRun
from runs_app.queries import get_run
from runs_app.resumption import resume_step


def resume_run(uid: str) -> TrainingRun:
    """Queue a cancelled or failed run again; it goes on from its newest checkpoint.

    Raises ``RunNotFound``, and ``RunNotResumable`` with what to do instead.
    """
    run = get_run(uid)
    step = resume_step(run)
    resumed = None if step is None else lifecycle.resume(run.pk, step)
    if resumed is None:
        run.refresh_from_db()
        raise RunNotResumable(_why_not(run))
    return resumed


def _why_not(run: TrainingRun) -> str:
    if run.is_trashed:
        return f"Run {run.uid} is in the trash; restore it first."
    if run.is_live:
        return f"Run {run.uid} is {run.status}; it goes on by itself."
    if run.status not in RESUMABLE:
        why = f"Run {run.uid} is {run.status}: there is nothing left to train."
    elif run.reason == Reason.NON_FINITE:
        why = (
            f"Run {run.uid} failed because its loss was not finite, and would fail there again; "
            "choose a lower learning rate."
        )
    else:
        why = f"Run {run.uid} stopped before its first checkpoint."
    return f"{why} {instead(run, Button.RESUME)}"
