"""The queue at one instant of the database's clock: what waits, what runs where, who is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models.fields.json import KT

from runs_app.choices import Priority, RunStatus
from runs_app.models import Slot, TrainingRun, Worker
from runs_app.queueing.order import database_row, waiting

SILENT_SECONDS = 15.0
"""A worker shows itself every two seconds; one that has not for so long is not counted on."""

LISTED = 1000
"""Waiting runs that are looked at; more are only counted."""


@dataclass(frozen=True)
class Likeness:
    """What makes two runs take about the same time: preset, candle file, epochs asked for."""

    variant: str
    source: str
    epochs: int = 1


@dataclass(frozen=True)
class WaitingRun:
    """A run that waits."""

    pk: int
    uid: str
    title: str
    priority: Priority
    queued_at: datetime
    devices: int
    likeness: Likeness


@dataclass(frozen=True)
class RunningRun:
    """A run on a slot; ``eta_seconds`` is the trainer's own estimate, None before it has one."""

    uid: str
    title: str
    started_at: datetime
    eta_seconds: float | None
    likeness: Likeness
    cancelling: bool = False


@dataclass(frozen=True)
class WorkerState:
    """A worker process by its own word."""

    name: str
    host: str
    seen_at: datetime
    heard_at: datetime | None
    stopping: bool
    disk_free: int
    disk_total: int
    blocked: str


@dataclass(frozen=True)
class SlotState:
    """A place for one run. ``free_since`` is None while a run is on it."""

    host: str
    name: str
    label: str
    is_gpu: bool
    drained: bool
    seen_at: datetime
    free_since: datetime | None
    run: RunningRun | None = None


@dataclass(frozen=True)
class QueueState:
    """All of it. ``total`` counts the waiting runs that ``waiting`` leaves out, too."""

    now: datetime
    paused_at: datetime | None
    waiting: Sequence[WaitingRun]
    total: int
    slots: Sequence[SlotState]
    workers: Sequence[WorkerState]

    def seconds_since(self, moment: datetime) -> float:
        """Seconds from an instant to that of this state."""
        return (self.now - moment).total_seconds()

    def is_silent(self, seen: WorkerState | SlotState) -> bool:
        """True where a worker, or the worker that shows a slot, was not heard of for too long."""
        return self.seconds_since(seen.seen_at) > SILENT_SECONDS

    @property
    def present(self) -> list[WorkerState]:
        """Workers that are there, ready or not."""
        return [worker for worker in self.workers if not self.is_silent(worker)]

    @property
    def ready(self) -> list[WorkerState]:
        """Workers that would start a run."""
        return [one for one in self.present if not one.stopping and not one.blocked]

    @property
    def served(self) -> list[SlotState]:
        """Slots of hosts that have a worker which would start a run, drained ones too."""
        hosts = {worker.host for worker in self.ready}
        return [slot for slot in self.slots if slot.host in hosts and not self.is_silent(slot)]

    @property
    def usable(self) -> list[SlotState]:
        """Slots on which a run may start, now or when the present one has ended."""
        return [slot for slot in self.served if not slot.drained]


def read_state() -> QueueState:
    """The state of this moment, in a handful of queries that read no configuration."""
    row, now = database_row()
    running, line = _running(), _waiting()
    return QueueState(
        now=now,
        paused_at=row.paused_at,
        waiting=line,
        total=len(line) if len(line) < LISTED else waiting().count(),
        slots=[_slot(slot, running) for slot in Slot.objects.all()],
        workers=[
            WorkerState(
                one.name, one.host, one.seen_at, one.heard_at, one.stopping,
                one.disk_free, one.disk_total, one.blocked,
            )
            for one in Worker.objects.all()
        ],
    )  # fmt: skip


NAMED = {
    "variant": KT("config__model__variant"),
    "source": KT("config__data__source"),
    "epochs": KT("config__train__max_epochs"),
}
"""Columns that ``likeness`` reads."""


def likeness(row: Any) -> Likeness:
    """What a row with the columns of ``NAMED`` is like."""
    return Likeness(row.variant or "", row.source or "", int(row.epochs or 1))


def _waiting() -> list[WaitingRun]:
    found = waiting().annotate(**NAMED, devices=KT("config__train__devices"))
    columns = ("pk", "uid", "name", "priority", "queued_at", "created_at")
    rows = found.values_list(*columns, "devices", *NAMED, named=True)
    return [
        WaitingRun(
            pk=row.pk,
            uid=row.uid,
            title=row.name or row.uid,
            priority=Priority(row.priority),
            queued_at=row.queued_at or row.created_at,
            devices=int(row.devices or 1),
            likeness=likeness(row),
        )
        for row in rows[:LISTED]
    ]


def _running() -> dict[int, RunningRun]:
    found = TrainingRun.objects.filter(status=RunStatus.RUNNING).annotate(**NAMED)
    columns = ("pk", "uid", "name", "started_at", "created_at", "cancel_requested_at", "metrics")
    rows = found.values_list(*columns, *NAMED, named=True)
    return {
        row.pk: RunningRun(
            uid=row.uid,
            title=row.name or row.uid,
            started_at=row.started_at or row.created_at,
            eta_seconds=_seconds(row.metrics.get("eta_seconds")),
            likeness=likeness(row),
            cancelling=row.cancel_requested_at is not None,
        )
        for row in rows
    }


def _seconds(value: object) -> float | None:
    """A metric that is a number; JSON's words for what is not finite are none."""
    return float(value) if isinstance(value, int | float) and value >= 0 else None


def _slot(slot: Slot, running: dict[int, RunningRun]) -> SlotState:
    run = running.get(slot.run_id or 0)
    return SlotState(
        host=slot.host,
        name=slot.name,
        label=slot.label,
        is_gpu=bool(slot.gpu),
        drained=slot.drained,
        seen_at=slot.seen_at,
        free_since=None if run else slot.free_since,
        run=run,
    )
