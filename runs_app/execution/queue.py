"""The queue: which run starts next. It lives in the database and nowhere else."""

from __future__ import annotations

from enum import StrEnum

from django.db import transaction
from django.db.models import F, Min
from django.db.models.functions import Now

from runs_app.choices import LIVE, Priority, RunStatus
from runs_app.execution import slot_rows
from runs_app.models import Queue, TrainingRun
from runs_app.queueing.order import is_paused as is_paused
from runs_app.queueing.order import waiting as waiting


class Move(StrEnum):
    """Where a waiting run can be moved to."""

    UP = "up"
    DOWN = "down"
    TOP = "top"


def pause(*, paused: bool) -> None:
    """Let nothing new start, or let it start again; runs that train go on in both cases."""
    Queue.objects.get_or_create(pk=1)
    if paused:
        Queue.objects.filter(pk=1, paused_at=None).update(paused_at=Now())
    elif Queue.objects.filter(pk=1).exclude(paused_at=None).update(paused_at=None):
        slot_rows.open_all()


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
            if peers.values_list("pk", flat=True).first() != run.pk:
                # Before every rank in use, whatever its priority: no two are ever the same.
                lowest = TrainingRun.objects.filter(status__in=LIVE).aggregate(Min("rank"))
                _place(run.pk, lowest["rank__min"] - 1)
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


def _place(run_pk: int, rank: int) -> None:
    TrainingRun.objects.filter(pk=run_pk, status=RunStatus.PENDING).update(rank=rank)
