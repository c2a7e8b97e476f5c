"""Takes the next run for this host: a free slot, the head of the queue, one claim."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import IntegerField, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce, Now

from runs_app.disk import read_disk
from runs_app.execution import lifecycle, slot_rows, slots, worker_process
from runs_app.execution.leases import Claim
from runs_app.execution.slots import HeldSlots
from runs_app.models import Slot
from runs_app.queueing.order import is_paused, waiting


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
    if is_paused() or read_disk().is_full:
        return None
    while (found := _first_that_fits()) is not None:
        run_pk, places = found
        held = None
        try:
            held = lifecycle.claim(run_pk, worker_process.own_name(), places.names)
        finally:
            if held is None:  # the database went away, or somebody else was first
                places.release()
        if held:
            return Taken(held, places)
        # The queue may have grown since: look again.
    return None


def _first_that_fits() -> tuple[int, HeldSlots] | None:
    drained = slot_rows.drained()
    most = sum(place.name not in drained for place in slots.places())
    if not most:
        return None
    runs = waiting()
    if slots.has_gpus():
        devices = Cast(KT("config__train__devices"), IntegerField())
        runs = runs.annotate(devices=Coalesce(devices, Value(1))).filter(devices__lte=most)
    else:
        runs = runs.annotate(devices=Value(1))
    first = runs.values_list("pk", "devices").first()
    if first is None:
        return None
    run_pk, count = first
    places = slots.acquire(count, drained=drained)
    return (run_pk, places) if places else None


def give_back(taken: Taken) -> None:
    """Free the places, whatever became of the run."""
    try:
        # The row first: whoever gets the lock next writes its own run there.
        Slot.objects.filter(
            host=slots.host_name(), name__in=taken.slots.names, run=taken.held.run_pk
        ).update(run=None, free_since=Now())
    finally:
        taken.slots.release()
