"""How long a run in the trash is kept."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from runs_app.models import TrainingRun


def kept_until(run: TrainingRun) -> datetime | None:
    """When a run of the trash is deleted for good by itself; None where it is not there."""
    return run.trashed_at + timedelta(days=settings.TRASH_DAYS) if run.trashed_at else None
