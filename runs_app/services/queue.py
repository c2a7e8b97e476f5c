"""Change the queue: its order, whether it starts anything, and on which slots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from runs_app.choices import Priority
from runs_app.errors import RunNotFound, RunNotWaiting, SlotNotFound
from runs_app.execution import queue, slot_rows, wakeups
from runs_app.execution.queue import Move
from runs_app.forecasting.errors import ConfigInvalid, FieldError
from runs_app.models import TrainingRun

PRIORITIES = {str(one.label).lower(): one for one in Priority}
"""The words of the API, the form and the command."""

WAKES = 10


@dataclass(frozen=True)
class QueueChange:
    """What is asked of a waiting run's place; one of the two at least."""

    move: Move | None = None
    priority: Priority | None = None


def read_change(move: Any = None, priority: Any = None) -> QueueChange:
    """A change from the words of a form, a body or a command. Raises ``ConfigInvalid``."""
    errors = []
    if move is not None and move not in list(Move):
        errors.append(FieldError("move", f"must be {_either(list(Move))}"))
    if priority is not None and not (isinstance(priority, str) and priority in PRIORITIES):
        errors.append(FieldError("priority", f"must be {_either(list(PRIORITIES))}"))
    if move is None and priority is None:
        errors.append(FieldError("move", 'or "priority" is required, such as {"move": "top"}'))
    if errors:
        raise ConfigInvalid(errors)
    return QueueChange(
        None if move is None else Move(move), None if priority is None else PRIORITIES[priority]
    )


def change_turn(uid: str, change: QueueChange) -> TrainingRun:
    """Move a waiting run or give it another priority; returns it.

    With both, the priority comes first. Raises ``RunNotFound`` and ``RunNotWaiting``.
    """
    run = TrainingRun.objects.filter(uid=uid).first()
    if run is None:
        raise RunNotFound(f"There is no run {uid}.")
    waits = change.priority is None or queue.prioritise(run.pk, change.priority)
    if waits and change.move is not None:
        waits = queue.move(run.pk, change.move)
    run.refresh_from_db()
    if not waits:
        raise RunNotWaiting(_why_not(run))
    return run


def pause_queue() -> None:
    """Let nothing new start; what runs goes on."""
    queue.pause(paused=True)


def resume_queue() -> None:
    """Let runs start again, and wake workers for those that wait."""
    queue.pause(paused=False)
    wakeups.wake_oldest(WAKES)


def drain_slot(host: str, name: str, *, drained: bool) -> None:
    """Let nothing new start on a slot, or let it again. Raises ``SlotNotFound``."""
    if not slot_rows.drain(host, name, drained=drained):
        raise SlotNotFound(f"There is no slot {name} on {host}.")
    if not drained:
        wakeups.wake_oldest()


def find_slot(name: str) -> tuple[str, str]:
    """Host and name of a slot from ``name`` or ``host/name``. Raises ``SlotNotFound``."""
    found = slot_rows.find(name)
    if len(found) == 1:
        return found[0]
    if found:
        known = ", ".join(f"{host}/{slot}" for host, slot in found)
        raise SlotNotFound(f"More than one host has a slot {name}; say which: {known}.")
    raise SlotNotFound(f"There is no slot {name}.")


def _either(words: list[str]) -> str:
    quoted = [f'"{word}"' for word in words]
    return ", ".join(quoted[:-1]) + f" or {quoted[-1]}"


def _why_not(run: TrainingRun) -> str:
    if run.trashed_at is not None:
        return f"Run {run.uid} is in the trash; it does not wait in the queue."
    if run.cancel_requested_at is not None and run.is_live:
        return f"Run {run.uid} is being cancelled; it does not wait in the queue."
    return f"Run {run.uid} is {run.status}; only a waiting run has a place in the queue."
