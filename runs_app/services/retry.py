"""Start a run again, as a new run."""

from __future__ import annotations

from runs_app.choices import RunStatus
from runs_app.errors import RunNotFound, RunStillLive
from runs_app.execution import wakeups
from runs_app.execution.lifecycle import Place, create_run
from runs_app.forecasting.config.document import validate
from runs_app.models import TrainingRun
from runs_app.services.launch import refuse_full
from runs_app.services.trash import refuse_trashed


def retry_run(uid: str) -> TrainingRun:
    """A new pending run with the configuration and the name of a run that has ended.

    It takes the place of a run of a group that did not complete; a completed one keeps its own.
    Raises ``RunNotFound``, ``RunStillLive``, ``RunInTrash``, ``DiskFull``, and ``ConfigInvalid``
    where the stored configuration does not fit the schema any more.
    """
    run = TrainingRun.objects.filter(uid=uid).first()
    if run is None:
        raise RunNotFound(f"There is no run {uid}.")
    if run.is_live:
        raise RunStillLive(
            f"Run {uid} is still {run.status}; cancel it or wait before you retry it."
        )
    refuse_trashed(run)
    refuse_full()
    place = None
    if run.group and run.status != RunStatus.COMPLETED:
        place = Place(run.group, run.fold or 1, run.seed or 0)
    retried = create_run(validate(run.config), run.request, run.name, place=place)
    if place:
        wakeups.wake_oldest()
    return retried
