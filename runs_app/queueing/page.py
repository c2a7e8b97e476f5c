"""The context of the queue page, and the queue in a line for the home page."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from runs_app.disk import Disk
from runs_app.queueing.health import Finding, health
from runs_app.queueing.state import QueueState, SlotState, WorkerState, read_state
from runs_app.queueing.turns import Turn, read_turns

SHOWN = 100
"""Waiting runs on the page."""


def _about(text: str) -> Any:
    return field(metadata={"help": text})


@dataclass(frozen=True)
class WorkerLine:
    """One worker process."""

    worker: WorkerState = _about("What it says of itself.")
    silent: bool = _about("True where it was not heard of for too long.")

    @property
    def pid(self) -> str:
        """Its process id; the name is host, process id and a word."""
        return self.worker.name.split(":")[1] if ":" in self.worker.name else self.worker.name


@dataclass(frozen=True)
class SlotLine:
    """One slot."""

    slot: SlotState = _about("The slot and the run on it.")
    gone: bool = _about("True where no worker shows it any more.")


@dataclass(frozen=True)
class HostLine:
    """One host: its workers and slots."""

    name: str = _about("Name of the host.")
    workers: list[WorkerLine] = _about("Its worker processes.")
    slots: list[SlotLine] = _about("Its slots.")
    disk: Disk | None = _about("Room where it stores runs; None where no worker says.")


@dataclass(frozen=True)
class QueuePage:
    """Context of the queue page."""

    now: datetime = _about("The database's time.")
    paused_at: datetime | None = _about("Since when the queue is paused; None while it runs.")
    turns: list[Turn] = _about("The first waiting runs, in order.")
    total: int = _about("Runs that wait.")
    more: int = _about("Waiting runs that are not listed.")
    hosts: list[HostLine] = _about("Hosts with their slots.")
    findings: list[Finding] = _about("What holds the queue back.")
    running: int = _about("Slots on which a run trains.")


def queue_page(limit: int = SHOWN) -> QueuePage:
    """The queue as it stands; ``limit`` waiting runs of it."""
    state = read_state()
    found = read_turns(state)[:limit]
    return QueuePage(
        now=state.now,
        paused_at=state.paused_at,
        turns=found,
        total=state.total,
        more=state.total - len(found),
        hosts=_hosts(state),
        findings=health(state),
        running=sum(slot.run is not None for slot in state.slots),
    )


def read_health() -> list[Finding]:
    """What holds the queue back at this moment."""
    return health(read_state())


def _hosts(state: QueueState) -> list[HostLine]:
    names = sorted({one.host for one in state.workers} | {one.host for one in state.slots})
    return [_host(state, name) for name in names]


def _host(state: QueueState, name: str) -> HostLine:
    workers = [one for one in state.workers if one.host == name]
    newest = max(workers, key=lambda one: one.seen_at, default=None)
    return HostLine(
        name=name,
        workers=[WorkerLine(one, state.is_silent(one)) for one in workers],
        slots=[
            SlotLine(one, state.is_silent(one) and one.run is None)
            for one in state.slots
            if one.host == name
        ],
        disk=Disk(newest.disk_free, newest.disk_total) if newest else None,
    )
