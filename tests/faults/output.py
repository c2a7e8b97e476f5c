"""Rules that compare what was stored with what was emitted: S5 and S6."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from runs_app.choices import EventKind
from runs_app.models import RunEvent, TrainingRun
from tests.faults.findings import Violation
from tests.faults.truth import LINE, Truth, line_text, loss_at, read_truth

CONSOLE = "console"


@dataclass
class Tally:
    """Lines and steps emitted, stored and lost."""

    emitted: int = 0
    stored: int = 0
    lost: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.emitted + other.emitted, self.stored + other.stored, self.lost + other.lost
        )


def check_output(
    run: TrainingRun, events: Sequence[RunEvent], directory: Path, tally: Tally
) -> Iterator[Violation]:
    """S5 and S6 of one run that is at rest."""
    truth = read_truth(directory)
    for attempt in sorted({event.attempt for event in events} | set(truth)):
        said = truth.get(attempt, Truth(0, ()))
        own = [event for event in events if event.attempt == attempt]
        name = f"run {run.uid}, attempt {attempt}"
        yield from _lines(name, attempt, console_lines(own), said, tally)
        steps = [e.payload for e in own if e.kind == EventKind.METRICS]
        yield from _steps(name, attempt, steps, said, tally)


def console_lines(events: Iterable[RunEvent]) -> list[tuple[int, str]]:
    """Number and text of every stored console line; one event holds many of them."""
    return [
        (event.payload["line"] + place, text)
        for event in events
        if event.kind == EventKind.LOG and event.payload["stream"] == CONSOLE
        for place, text in enumerate(event.payload["message"].split("\n"))
    ]


def _lines(
    name: str, attempt: int, stored: list[tuple[int, str]], said: Truth, tally: Tally
) -> Iterator[Violation]:
    numbers = [number for number, _ in stored]
    if numbers != list(range(1, len(numbers) + 1)):
        yield Violation("S5", f"{name}: its line numbers are not dense from 1")
    chain = count = 0
    for number, text in stored:
        if not LINE.match(text):
            continue  # a stack, a traceback, or odd bytes
        expected, chain = line_text(attempt, count + 1, chain)
        if text != expected:
            yield Violation("S5", f"{name}: line {number} is {text!r}, not {expected!r}")
            break
        count += 1
    tally.emitted += said.lines
    tally.stored += count
    if count < said.lines:
        tally.lost += said.lines - count
        yield Violation("S5", f"{name}: {said.lines} lines emitted, {count} stored")


def _steps(
    name: str, attempt: int, stored: list[dict[str, object]], said: Truth, tally: Tally
) -> Iterator[Violation]:
    points = [(p["step"], p["train_loss"]) for p in stored if _is_step(p)]
    found = [step for step, _ in points]
    if said.steps and any(loss != loss_at(attempt, _int(step)) for step, loss in points):
        yield Violation("S6", f"{name}: a metric has another value than was reported")
    if len(found) != len(set(found)):
        yield Violation("S6", f"{name}: a metric point is stored twice")
    tally.emitted += len(said.steps)
    tally.stored += len(found)
    # One that was killed between its event and its note wrote one step more than it noted.
    if said.steps and tuple(found[: len(said.steps)]) != said.steps:
        missing = set(said.steps) - {_int(step) for step in found}
        tally.lost += len(missing)
        yield Violation("S6", f"{name}: steps differ, missing {sorted(missing)[:10]}")
    if said.steps and len(found) > len(said.steps) + 1:
        yield Violation("S6", f"{name}: {len(found)} steps stored, {len(said.steps)} reported")


def _is_step(payload: dict[str, object]) -> bool:
    return "step" in payload and "val_loss" not in payload


def _int(value: object) -> int:
    return int(str(value))
