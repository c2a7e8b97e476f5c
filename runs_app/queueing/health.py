"""What keeps the queue from moving, in sentences. Nothing here reads the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.template.defaultfilters import filesizeformat

from runs_app.disk import Disk
from runs_app.queueing.estimates import seats_needed
from runs_app.queueing.reasons import fault_of
from runs_app.queueing.state import QueueState, SlotState, WaitingRun
from runs_app.queueing.words import lasting

UNSERVED_SECONDS = 20.0
"""A worker takes up what waits after five seconds, told or not; later something is wrong."""

UNHEARD_SECONDS = 90.0
"""The sweep sends a message every 15 seconds, so six in a row were lost."""


class Level(StrEnum):
    """How bad it is."""

    NOTE = "note"
    """A person's own doing."""
    WARNING = "warning"
    FAULT = "fault"
    """Runs wait although nobody wants them to."""


@dataclass(frozen=True)
class Finding:
    """One thing that holds runs back, or will."""

    code: str
    level: Level
    sentence: str


def health(state: QueueState) -> list[Finding]:
    """Everything there is to say, the worst first; empty where all is well."""
    found = [
        *_workers(state), *_unserved(state), *_disks(state), *_too_large(state),
        *_unheard(state), *_held(state),
    ]  # fmt: skip
    return sorted(found, key=lambda one: list(Level)[::-1].index(one.level))


def _workers(state: QueueState) -> Iterator[Finding]:
    if not state.present:
        newest = max((one.seen_at for one in state.workers), default=None)
        said = (
            f"No worker has been seen for {lasting(state.seconds_since(newest))}."
            if newest
            else "No worker has been seen yet."
        )
        sentence = f"{said} Nothing starts until one runs: see that bin/start is running."
        yield Finding("no_worker", Level.FAULT, sentence)
        return
    for worker in state.workers:
        if state.is_silent(worker) and not worker.stopping:
            yield Finding(
                "silent_worker",
                Level.WARNING,
                f"The worker {worker.name.partition(':')[2]} on {worker.host} is silent since "
                f"{_clock(worker.seen_at)} ({lasting(state.seconds_since(worker.seen_at))}). Its "
                "runs go on elsewhere when their leases have run out.",
            )


def _unserved(state: QueueState) -> Iterator[Finding]:
    if state.paused_at or not state.waiting:
        return
    for host in sorted({slot.host for slot in state.usable}):
        slots = [slot for slot in state.usable if slot.host == host]
        free = [slot for slot in slots if slot.run is None and slot.free_since is not None]
        run = _next_on(slots, state.waiting)
        if run is None or len(free) < _needs(run, slots):
            continue
        idle = sorted(state.seconds_since(slot.free_since or state.now) for slot in free)
        waited = min(idle[-_needs(run, slots)], state.seconds_since(run.queued_at))
        if waited > UNSERVED_SECONDS:
            yield Finding(
                "unserved",
                Level.FAULT,
                f"Slot {free[0].name} on {host} is free and run {run.title} has waited for "
                f"{lasting(waited)} though nothing forbids it: the worker there takes nothing. "
                "Look into its log and restart it.",
            )


def _next_on(slots: list[SlotState], waiting: Sequence[WaitingRun]) -> WaitingRun | None:
    return next((run for run in waiting if _needs(run, slots) <= len(slots)), None)


def _needs(run: WaitingRun, slots: list[SlotState]) -> int:
    return seats_needed(run.devices, is_gpu=slots[0].is_gpu)


def _disks(state: QueueState) -> Iterator[Finding]:
    told: set[str] = set()
    for worker in state.present:
        if worker.host in told:
            continue
        told.add(worker.host)
        disk = Disk(worker.disk_free, worker.disk_total)
        if worker.blocked:
            sentence = f"Nothing starts on {worker.host}. {worker.blocked}"
            yield Finding("blocked", Level.FAULT, sentence)
        elif disk.total and disk.is_low:
            yield Finding(
                "disk_low",
                Level.WARNING,
                f"Only {filesizeformat(disk.free)} ({100 * disk.share:.1f} %) of the disk of "
                f"{worker.host} are free. Empty the trash or delete runs that are not needed.",
            )


def _too_large(state: QueueState) -> Iterator[Finding]:
    faults = [(run, fault) for run in state.waiting if (fault := fault_of(state, run))]
    for run, fault in faults[:1]:
        more = f" The same holds for {len(faults) - 1} more." if len(faults) > 1 else ""
        yield Finding(
            "too_large", Level.WARNING, f"Run {run.title} cannot start: it {fault}.{more}"
        )


def _unheard(state: QueueState) -> Iterator[Finding]:
    heard = [worker.heard_at for worker in state.present if worker.heard_at]
    if not heard:
        return
    silence = state.seconds_since(max(heard))
    if silence > UNHEARD_SECONDS:
        yield Finding(
            "broker_silent",
            Level.WARNING,
            f"The broker has brought no worker a message for {lasting(silence)}. Runs start all "
            "the same, some seconds later; predictions and imports wait. See that Valkey (or "
            "Redis) and the process `beat` run.",
        )


def _held(state: QueueState) -> Iterator[Finding]:
    if state.paused_at:
        yield Finding(
            "paused",
            Level.NOTE,
            f"The queue is paused since {_clock(state.paused_at)} "
            f"({lasting(state.seconds_since(state.paused_at))}): what runs goes on, nothing new "
            "starts.",
        )
    drained = [
        f"{slot.label or slot.name if slot.is_gpu else slot.name} on {slot.host}"
        for slot in state.slots
        if slot.drained
    ]
    if drained:
        many = len(drained) > 1
        yield Finding(
            "drained",
            Level.NOTE,
            f"{len(drained) if many else 'One'} slot{'s are' if many else ' is'} drained, so that "
            f"nothing new starts there: {', '.join(drained)}.",
        )


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
