"""The queue: which run starts next. It lives in the database and nowhere else."""

from __future__ import annotations

from enum import StrEnum

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from runs_app.choices import Priority, RunStatus
from runs_app.models import Queue, TrainingRun


class Move(StrEnum):
    """Where a waiting run can be moved to."""

    UP = "up"
    DOWN = "down"
    TOP = "top"


def waiting() -> QuerySet[TrainingRun]:
    """The runs that wait, in the order in which they start."""
    return TrainingRun.objects.filter(
        status=RunStatus.PENDING, cancel_requested_at=None, trashed_at=None
    ).order_by("-priority", "rank", "pk")


def is_paused() -> bool:
    """Whether nothing new starts."""
    return Queue.objects.filter(pk=1, paused=True).exists()


def pause(*, paused: bool) -> None:
    """Let nothing new start, or let it start again; runs that train go on in both cases."""
    Queue.objects.get_or_create(pk=1)
    Queue.objects.filter(pk=1).update(paused=paused)


def take_rank() -> int:
    """A rank behind every one given so far; inside the caller's transaction."""
    Queue.objects.get_or_create(pk=1)
    Queue.objects.filter(pk=1).update(next_rank=F("next_rank") + 1)
    return Queue.objects.get(pk=1).next_rank - 1


def move(run_pk: int, where: Move) -> bool:
    """Move a waiting run among those of its priority; False where it does not wait.

    A run that is the first or the last already stays there, which is no fault.
    """
    with transaction.atomic():
        Queue.objects.select_for_update().get_or_create(pk=1)
        run = waiting().filter(pk=run_pk).first()
        if run is None:
            return False
        peers = waiting().filter(priority=run.priority)
        if where is Move.TOP:
            first = peers.first()
            if first is not None and first.pk != run.pk:
                _place(run.pk, first.rank - 1)
            return True
        before = where is Move.UP
        other = (
            peers.filter(rank__lt=run.rank).last()
            if before
            else peers.filter(rank__gt=run.rank).first()
        )
        if other is not None:
            _place(run.pk, other.rank)
            _place(other.pk, run.rank)
    return True


def prioritise(run_pk: int, priority: Priority) -> bool:
    """Give a waiting run another priority; False where it does not wait."""
    return waiting().filter(pk=run_pk).update(priority=priority) == 1


def oldest_wait_seconds() -> float | None:
    """How long the first in line has waited, by the database's clock; None where nothing waits."""
    first = waiting().annotate(now=Now()).values_list("queued_at", "now").first()
    if first is None or first[0] is None:
        return None
    return float((first[1] - first[0]).total_seconds())


def _place(run_pk: int, rank: int) -> None:
    TrainingRun.objects.filter(pk=run_pk, status=RunStatus.PENDING).update(rank=rank)
