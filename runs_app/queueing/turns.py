"""The turn of each waiting run: its position, when it starts about, and why it waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from runs_app.choices import RunStatus
from runs_app.models import TrainingRun
from runs_app.queueing.estimates import Durations, Seat, Wish, learn_durations, starts_in
from runs_app.queueing.reasons import fault_of, obstacle, why_waiting
from runs_app.queueing.state import (
    NAMED,
    QueueState,
    RunningRun,
    WaitingRun,
    likeness,
    read_state,
)
from runs_app.queueing.words import at_about

MOST_ENDED = 200
"""Newest completed runs from which durations are learnt."""

LOOKED_AT = 500
"""Newest ended runs among which they are looked for."""


def _about(text: str) -> Any:
    return field(metadata={"help": text})


@dataclass(frozen=True)
class Turn:
    """One waiting run in the queue."""

    run: WaitingRun = _about("The run.")
    position: int = _about("1 for the next one.")
    is_first_of_priority: bool = _about("True where none of its priority is before it.")
    is_last_of_priority: bool = _about("True where none of its priority is behind it.")
    why: str = _about("Why it waits, as `all 2 slots are busy`.")
    starts_at: datetime | None = _about("Estimated start; None where it is not known.")
    starts_in: float | None = _about("The same in seconds from now.")
    unknown: str = _about("Why the start is not known; empty where it is.")

    @property
    def start(self) -> str:
        """The estimate in words."""
        if self.starts_at is None or self.starts_in is None:
            return f"not known yet: {self.unknown}"
        return at_about(self.starts_at, self.starts_in)


def turns(state: QueueState, durations: Durations) -> list[Turn]:
    """The turn of every waiting run that the state lists, in order."""
    common = obstacle(state)
    starts = [None] * len(state.waiting) if common else _starts(state, durations)
    runs, whys = state.waiting, why_waiting(state)
    found = []
    for index, (run, seconds, why) in enumerate(zip(runs, starts, whys, strict=True)):
        unknown = "" if seconds is not None else _unknown(state, run, common, why)
        found.append(
            Turn(
                run=run,
                position=index + 1,
                is_first_of_priority=index == 0 or runs[index - 1].priority != run.priority,
                is_last_of_priority=(
                    runs[index + 1].priority != run.priority
                    if index + 1 < len(runs)
                    else len(runs) == state.total
                ),
                why=why,
                starts_at=None if seconds is None else state.now + timedelta(seconds=seconds),
                starts_in=seconds,
                unknown=unknown,
            )
        )
    return found


def _starts(state: QueueState, durations: Durations) -> list[float | None]:
    seats = [
        Seat(slot.host, slot.is_gpu, _free_in(state, slot.run, durations)) for slot in state.usable
    ]
    wishes = [Wish(run.devices, durations.of(run.likeness)) for run in state.waiting]
    return starts_in(seats, wishes)


def _free_in(state: QueueState, run: RunningRun | None, durations: Durations) -> float | None:
    """Seconds until a slot is free. A run that outlasts all like it ends nobody knows when."""
    if run is None:
        return 0.0
    if run.eta_seconds is not None:
        return run.eta_seconds
    usual = durations.of(run.likeness)
    left = None if usual is None else usual - state.seconds_since(run.started_at)
    return left if left is not None and left > 0 else None


def _unknown(state: QueueState, run: WaitingRun, common: str, why: str) -> str:
    if common or fault_of(state, run) or why.startswith("needs"):
        return why
    return "it is not known how long those before it take"


def read_durations() -> Durations:
    """What completed runs took, the newest of them. Those of one attempt only, or a part counts."""
    # Ordered by its own index and looked through here: with a condition on the state a database
    # takes the index of states, and reads and orders every run that ever completed.
    newest = (
        TrainingRun.objects.filter(finished_at__isnull=False)
        .order_by("-finished_at")
        .values_list("pk", "status", "attempt", "started_at", "finished_at", named=True)
    )
    ended = [
        (row.pk, (row.finished_at - row.started_at).total_seconds())
        for row in newest[:LOOKED_AT]
        if row.status == RunStatus.COMPLETED and row.attempt == 1
        if row.started_at and row.finished_at
    ][:MOST_ENDED]
    rows = TrainingRun.objects.annotate(**NAMED).values_list("pk", *NAMED, named=True)
    like = {row.pk: likeness(row) for row in rows.filter(pk__in=[pk for pk, _ in ended])}
    return learn_durations((like[pk], seconds) for pk, seconds in ended if pk in like)


def read_turns(state: QueueState | None = None) -> list[Turn]:
    """The turns of this moment."""
    state = state or read_state()
    return turns(state, read_durations()) if state.waiting else []


def turn_of(run: TrainingRun) -> Turn | None:
    """The turn of one run; None where it does not wait, or is too far behind to be looked at."""
    if run.status != RunStatus.PENDING or run.cancel_requested_at is not None:
        return None
    return next((turn for turn in read_turns() if turn.run.pk == run.pk), None)


def turns_of(runs: Sequence[TrainingRun]) -> dict[int, Turn]:
    """The turns of those that wait, by key; reads the queue only where one does."""
    if not any(run.status == RunStatus.PENDING for run in runs):
        return {}
    return {turn.run.pk: turn for turn in read_turns()}
