"""States of the queue without a database; a test names only what it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from runs_app.choices import Priority
from runs_app.queueing.state import (
    Likeness,
    QueueState,
    RunningRun,
    SlotState,
    WaitingRun,
    WorkerState,
)

NOW = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)
ALIKE = Likeness("tiny", "sample.csv", 10)
GIB = 1 << 30

_numbers = count(1)


def before(seconds: float) -> datetime:
    """An instant so many seconds ago."""
    return NOW - timedelta(seconds=seconds)


def waits(title: str = "", *, seconds: float = 60, **fields: Any) -> WaitingRun:
    """A run that has waited for so long."""
    number = next(_numbers)
    facts: dict[str, Any] = {
        "pk": number, "uid": f"run{number}", "title": title or f"run {number}",
        "priority": Priority.NORMAL, "queued_at": before(seconds), "devices": 1, "likeness": ALIKE,
    }  # fmt: skip
    return WaitingRun(**(facts | fields))


def runs(eta: float | None = 600, *, seconds: float = 30, **fields: Any) -> RunningRun:
    """A run that trains since so long."""
    facts: dict[str, Any] = {"uid": "runs", "title": "a run that trains", "likeness": ALIKE}
    return RunningRun(**(facts | {"started_at": before(seconds), "eta_seconds": eta} | fields))


def slot(name: str = "cpu-0", run: RunningRun | None = None, **fields: Any) -> SlotState:
    """A slot of the host ``alpha``; free since an hour where no run is on it."""
    facts: dict[str, Any] = {
        "host": "alpha", "name": name, "label": "Processor", "is_gpu": name.startswith("gpu"),
        "drained": False, "seen_at": before(1), "free_since": None if run else before(3600),
        "run": run,
    }  # fmt: skip
    return SlotState(**(facts | fields))


def worker(host: str = "alpha", **fields: Any) -> WorkerState:
    """A worker that is well."""
    facts: dict[str, Any] = {
        "name": f"{host}:77:abcd", "host": host, "seen_at": before(1), "heard_at": before(5),
        "stopping": False, "disk_free": 50 * GIB, "disk_total": 100 * GIB, "blocked": "",
    }  # fmt: skip
    return WorkerState(**(facts | fields))


def state(**fields: Any) -> QueueState:
    """One worker with one free slot, and nothing waits."""
    facts: dict[str, Any] = {
        "now": NOW, "paused_at": None, "waiting": [], "slots": [slot()], "workers": [worker()],
    }  # fmt: skip
    facts |= fields
    return QueueState(**({"total": len(facts["waiting"])} | facts))
