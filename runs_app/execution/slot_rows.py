"""Rows of ``Slot``: what runs where, for people to see. Who may run where, the locks say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db.models.functions import Now

from runs_app.choices import RunStatus
from runs_app.execution import slots
from runs_app.models import Slot, TrainingRun


def show() -> None:
    """The places of this host are there."""
    for place in slots.places():
        facts = {"gpu": place.gpu, "label": place.label, "seen_at": Now()}
        Slot.objects.update_or_create(
            host=slots.host_name(),
            name=place.name,
            defaults=facts,
            create_defaults=facts | {"free_since": Now()},
        )


def occupy(run: TrainingRun, host: str, names: Sequence[str]) -> None:
    """The run is on these places of a host, and nowhere else."""
    leave(run)
    Slot.objects.filter(host=host, name__in=names).update(run=run)


@contextmanager
def lent(names: Sequence[str]) -> Iterator[None]:
    """Inside the block no run could start on these places of this host; none is missed."""
    own = Slot.objects.filter(host=slots.host_name(), name__in=names, run=None)
    own.update(free_since=None)
    try:
        yield
    finally:
        own.update(free_since=Now())


def take_back(host: str) -> None:
    """What was lent to a worker of this host that is gone is free again."""
    Slot.objects.filter(host=host, run=None, free_since=None).update(free_since=Now())


def leave(run: TrainingRun) -> None:
    """The run is on no place any more."""
    Slot.objects.filter(run=run).update(run=None, free_since=Now())


def leave_ended() -> None:
    """No run that does not train is on a place."""
    ended = Slot.objects.exclude(run=None).exclude(run__status=RunStatus.RUNNING)
    ended.update(run=None, free_since=Now())


def drained() -> frozenset[str]:
    """Names of this host's slots on which nothing new is to start."""
    own = Slot.objects.filter(host=slots.host_name(), drained=True)
    return frozenset(own.values_list("name", flat=True))


def drain(host: str, name: str, *, drained: bool) -> bool:
    """Let nothing new start on a slot, or let it again; False where there is no such slot."""
    slot = Slot.objects.filter(host=host, name=name)
    if drained:
        return slot.update(drained=True) == 1
    slot.filter(drained=True).update(drained=False, free_since=Now())
    return slot.exists()


def find(name: str) -> list[tuple[str, str]]:
    """Host and name of the slots called ``name`` or ``host/name``."""
    host, _, short = name.rpartition("/")
    found = Slot.objects.filter(name=short)
    if host:
        found = found.filter(host=host)
    return list(found.values_list("host", "name"))


def open_all() -> None:
    """From now on runs may start again on every free slot."""
    Slot.objects.filter(run=None).update(free_since=Now())
