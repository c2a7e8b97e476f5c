"""Rules that the database alone can show: S1, S2, S4 (rows), S6 (numbers), S11."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from runs_app.choices import FINAL, EventKind, RunStatus
from runs_app.forecasting.events import Reason
from runs_app.models import RunEvent, Slot, TrainingRun
from tests.faults.findings import Violation
from tests.faults.user import Acknowledged

ALLOWED = {
    "pending": {"running", "cancelled"},
    "running": {"running", "completed", "failed", "cancelled", "pending"},
    "completed": set[str](),
    "failed": {"pending"},
    "cancelled": {"pending"},
}
"""From the state of one status event to that of the next."""

END_OF_SENTENCE = (".", "!", "?")


def check_run(run: TrainingRun, events: Sequence[RunEvent]) -> Iterator[Violation]:
    """S1, S2 and the numbering of one run."""
    name = f"run {run.uid}"
    seqs = [event.seq for event in events]
    if seqs != list(range(1, run.last_seq + 1)):
        yield Violation("S6", f"{name}: seq has gaps or does not end at {run.last_seq}")
    yield from _one_state(name, run, events)
    yield from _one_attempt(name, run, events)


def _one_state(name: str, run: TrainingRun, events: Sequence[RunEvent]) -> Iterator[Violation]:
    # One that tells of the trash alone names no state.
    told = [e for e in events if e.kind == EventKind.STATUS and "status" in e.payload]
    states = [event.payload["status"] for event in told]
    for (before, after), event in zip(pairwise(states), told[1:], strict=False):
        if after not in ALLOWED[before]:
            yield Violation("S1", f"{name}: from {before} to {after} at seq {event.seq}")
        if before in FINAL and event.payload.get("interrupted"):
            yield Violation("S1", f"{name}: interrupted at seq {event.seq} although {before}")
    if not states or states[0] != RunStatus.PENDING:
        yield Violation("S1", f"{name}: its history begins with {states[:1]}")
    elif states[-1] != run.status:
        yield Violation("S1", f"{name}: is {run.status}, its history ends with {states[-1]}")
    if run.status in FINAL:
        if run.reason not in set(Reason):
            yield Violation("S1", f"{name}: {run.status} for the reason {run.reason!r}")
        if not run.message.rstrip().endswith(END_OF_SENTENCE):
            yield Violation("S1", f"{name}: {run.status} with no sentence: {run.message!r}")
        if run.finished_at is None or run.lease_until is not None:
            yield Violation("S1", f"{name}: {run.status}, but not finished or still leased")


def _one_attempt(name: str, run: TrainingRun, events: Sequence[RunEvent]) -> Iterator[Violation]:
    written = [event for event in events if event.kind != EventKind.STATUS]
    for before, after in pairwise(written):
        if after.attempt < before.attempt:
            yield Violation(
                "S2",
                f"{name}: attempt {after.attempt} wrote at seq {after.seq}, "
                f"after attempt {before.attempt}",
            )
    claims = [
        event.attempt
        for event in events
        if event.kind == EventKind.STATUS
        and event.payload.get("status") == RunStatus.RUNNING
        and str(event.payload.get("message", "")).startswith("Starting:")
    ]
    if claims != list(range(1, run.attempt + 1)):
        yield Violation("S2", f"{name}: attempts {claims}, but its number is {run.attempt}")


def check_slots() -> Iterator[Violation]:
    """S4: a slot shows a running run or none."""
    for slot in Slot.objects.exclude(run=None).select_related("run"):
        if slot.run and slot.run.status != RunStatus.RUNNING:
            yield Violation("S4", f"slot {slot} shows run {slot.run.uid}, {slot.run.status}")


def check_acknowledged(acknowledged: Sequence[Acknowledged]) -> Iterator[Violation]:
    """S11: what was answered with 2xx can be seen."""
    counts = Counter(acknowledged)
    runs = {run.uid: run for run in TrainingRun.objects.all()}
    purged = {done.uid for done in acknowledged if done.action == "purge"}
    for done, count in counts.items():
        run = runs.get(done.uid)
        if done.action == "purge":
            if run is not None:
                yield Violation("S11", f"run {done.uid} was deleted for good and is there")
            continue
        if run is None:
            if done.uid not in purged:
                yield Violation("S11", f"{done.action} of run {done.uid}: it is not there")
            continue
        if _times_seen(run, done.action) < _least(done.action, count):
            yield Violation("S11", f"{count} times {done.action} of run {done.uid} is not seen")


def _least(action: str, count: int) -> int:
    return 1 if action in ("cancel", "delete") else count


def _times_seen(run: TrainingRun, action: str) -> int:
    told = [
        event.payload
        for event in run.events.filter(kind=EventKind.STATUS)
        if "status" in event.payload
    ]
    if action == "delete":
        return int(run.is_trashed)
    if action == "cancel":
        return sum(bool(p.get("cancelling") or p["status"] == "cancelled") for p in told)
    if action == "resume":
        asked = [p for p in told[1:] if p["status"] == "pending" and not p.get("interrupted")]
        return len(asked)
    return 1_000_000  # its row is enough
