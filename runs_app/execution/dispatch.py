"""Takes the next run for this host: a free slot, the head of the queue, one claim."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models.fields.json import KT

from runs_app.disk import read_disk
from runs_app.execution import lifecycle, queue, slots, worker_process
from runs_app.execution.leases import Claim
from runs_app.execution.slots import HeldSlots
from runs_app.models import Slot

LOOK_AHEAD = 200
"""Runs at the head of the queue among which one for this host is looked for."""


@dataclass(frozen=True)
class Taken:
    """A run that is ours and the places it runs on."""

    held: Claim
    slots: HeldSlots


def take_next() -> Taken | None:
    """Claim the first waiting run that this host can train, if it has the slots free.

    The order is strict: a run that needs more slots than are free holds back those behind it, or it
    would wait for ever. One that needs more than this host has is left to another host.
    """
    if queue.is_paused() or read_disk().is_full:
        return None
    while (found := _first_that_fits()) is not None:
        run_pk, places = found
        held = lifecycle.claim(run_pk, worker_process.own_name(), places.names)
        if held:
            return Taken(held, places)
        places.release()  # somebody else was first, and the queue may have grown since: look again
    return None


def _first_that_fits() -> tuple[int, HeldSlots] | None:
    drained = drained_slots()
    most = len(slots.places()) - len(drained)
    for run_pk, devices in _heads():
        count = slots.needed(devices)
        if count <= most:
            places = slots.acquire(count, drained=drained)
            return (run_pk, places) if places else None
    return None


def drained_slots() -> frozenset[str]:
    """Names of this host's slots on which nothing new is to start."""
    own = Slot.objects.filter(host=slots.host_name(), drained=True)
    return frozenset(own.values_list("name", flat=True))


def give_back(taken: Taken) -> None:
    """Free the places, whatever became of the run."""
    taken.slots.release()
    Slot.objects.filter(
        host=slots.host_name(), name__in=taken.slots.names, run=taken.held.run_pk
    ).update(run=None)


def _heads() -> list[tuple[int, int]]:
    """Key and number of devices of the waiting runs, in order."""
    waiting = queue.waiting().annotate(devices=KT("config__train__devices"))
    found = waiting.values_list("pk", "devices")[:LOOK_AHEAD]
    return [(pk, int(devices or 1)) for pk, devices in found]
