"""Which runs wait, in which order, and whether anything may start: reads of the queue's rows."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet
from django.db.models.functions import Now

from runs_app.choices import RunStatus
from runs_app.models import Queue, TrainingRun


def waiting() -> QuerySet[TrainingRun]:
    """The runs that wait, in the order in which they start."""
    return TrainingRun.objects.filter(
        status=RunStatus.PENDING, cancel_requested_at=None, trashed_at=None
    ).order_by("-priority", "rank", "pk")


def is_paused() -> bool:
    """Whether nothing new starts."""
    return Queue.objects.filter(pk=1, paused_at__isnull=False).exists()


def longest_wait_seconds() -> float | None:
    """How long a run has waited at most, by the database's clock; None where nothing waits."""
    longest = (
        waiting()
        .exclude(queued_at=None)
        .order_by("queued_at")
        .annotate(now=Now())
        .values_list("queued_at", "now")
        .first()
    )
    return (longest[1] - longest[0]).total_seconds() if longest and longest[0] else None


def database_row() -> tuple[Queue, datetime]:
    """The queue's one row, made where it is missing, and the database's time."""
    timed = Queue.objects.annotate(now=Now())
    row = timed.filter(pk=1).first()
    if row is None:
        Queue.objects.get_or_create(pk=1)
        row = timed.get(pk=1)
    return row, row.now
