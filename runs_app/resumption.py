"""From where a run that stopped can go on."""

from __future__ import annotations

from runs_app.choices import RESUMABLE
from runs_app.forecasting.events import Reason
from runs_app.models import TrainingRun


def resume_step(run: TrainingRun) -> int | None:
    """Optimizer step of the newest checkpoint from which the run can go on; None where it cannot.

    A loss that was not finite twice would be so again: the same steps lead there.
    """
    if run.is_trashed or run.status not in RESUMABLE or run.reason == Reason.NON_FINITE:
        return None
    return run.checkpoints.order_by("-step").values_list("step", flat=True).first()
