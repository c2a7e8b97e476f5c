"""Cancel a run."""

from __future__ import annotations

from runs_app.errors import RunNotCancellable, RunNotFound
from runs_app.execution.lifecycle import request_cancel
from runs_app.models import TrainingRun


def cancel_run(uid: str) -> TrainingRun:
    """Cancel a pending run at once; ask a running one to stop after its batch, and return it.

    Asked again more than a second later, the trainer is killed. Raises ``RunNotFound`` and
    ``RunNotCancellable``.
    """
    run = TrainingRun.objects.filter(uid=uid).first()
    if run is None:
        raise RunNotFound(f"There is no run {uid}.")
    changed = request_cancel(run.pk)
    if changed is None:
        run.refresh_from_db()
        raise RunNotCancellable(
            f"Run {uid} has ended already: it is {run.get_status_display().lower()}."
        )
    return changed
