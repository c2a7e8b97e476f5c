"""Any part of a run's console: lines before, after and around a place, and lines that hold a text.

A place is the number of an event and of a line in it, since one event holds many lines. Nothing
here reads a log as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runs_app.choices import EventKind
from runs_app.log_lines import LogLine, first_line, lines_of
from runs_app.models import RunEvent

PAGE_LINES = 300
"""Lines of one page; three of them are what a browser keeps."""

PAGE_CHARACTERS = 128 * 1024
"""Most text of one page."""

SEARCHED_CHARACTERS = 8 * 1024 * 1024
SEARCHED_EVENTS = 20_000
"""What one search reads at most; the next one goes on where it ended."""

HITS = 200
"""Lines that one search finds at most."""

EXCERPT = 200
_ROWS = 64

LEVELS: dict[str, tuple[str, ...]] = {"warning": ("warning", "error"), "error": ("error",)}
"""By the least level asked for: the levels of lines that are shown."""

Place = tuple[int, int]
"""Number of an event, and of a line in it from 0."""


@dataclass(frozen=True)
class Hit:
    """A line that holds the text looked for."""

    seq: int
    place: int
    attempt: int
    line: int
    text: str


@dataclass(frozen=True)
class Found:
    """What a search has found, and how far it came."""

    hits: Sequence[Hit]
    reached: int
    """Number of the last event that was looked at."""
    complete: bool
    """True where nothing is left to look at."""


def lines_before(
    run_pk: int, place: Place, level: str = "", limit: int = PAGE_LINES
) -> list[LogLine]:
    """The last lines before a place, oldest first."""
    found: list[LogLine] = []
    bound, size = place[0], 0
    events = _events(run_pk, level).order_by("-seq")
    first = True
    while len(found) < limit and size < PAGE_CHARACTERS:
        wanted = events.filter(seq__lte=bound) if first else events.filter(seq__lt=bound)
        rows = list(wanted[:_ROWS])
        for row in rows:
            lines = [line for line in _lines(row) if (line.seq, line.place) < place]
            taken = lines[-(limit - len(found)) :]
            found = taken + found
            size += sum(len(line.text) for line in taken)
            if len(found) >= limit or size >= PAGE_CHARACTERS:
                return found
        if len(rows) < _ROWS:
            break
        bound, first = rows[-1].seq, False
    return found


def lines_from(
    run_pk: int, place: Place, level: str = "", limit: int = PAGE_LINES
) -> list[LogLine]:
    """The first lines from a place on, that one included."""
    found: list[LogLine] = []
    bound, size = place[0], 0
    events = _events(run_pk, level).order_by("seq")
    while True:
        rows = list(events.filter(seq__gte=bound)[:_ROWS])
        for row in rows:
            lines = [line for line in _lines(row) if (line.seq, line.place) >= place]
            found += lines[: limit - len(found)]
            size += sum(len(line.text) for line in lines)
            if len(found) >= limit or size >= PAGE_CHARACTERS:
                return found
        if len(rows) < _ROWS:
            return found
        bound = rows[-1].seq + 1


def place_of(run_pk: int, attempt: int, line: int) -> Place | None:
    """Where the line of this number stands; None where there is none. Reads a few events."""
    events = RunEvent.objects.filter(run_id=run_pk, kind=EventKind.LOG, attempt=attempt)
    first = events.order_by("seq").first()
    last = events.order_by("-seq").first()
    if first is None or last is None:
        return None
    low, high = first.seq, last.seq
    while low < high:
        middle = (low + high + 1) // 2
        row = _numbered(events, middle, high)
        if row is None or first_line(row.payload) > line:
            high = middle - 1
        else:
            low = row.seq
    row = _numbered(events, low, low)
    if row is None:
        return None
    place = line - first_line(row.payload)
    return (row.seq, place) if 0 <= place < len(_lines(row)) else None


def search(run_pk: int, text: str, *, after: int = 0, level: str = "", limit: int = HITS) -> Found:
    """Lines that hold a text, in any case, of events after a number; a bounded part of the log."""
    wanted = text.casefold()
    hits: list[Hit] = []
    reached, size, read = after, 0, 0
    events = _events(run_pk, level).order_by("seq")
    while size < SEARCHED_CHARACTERS and read < SEARCHED_EVENTS and len(hits) < limit:
        rows = list(events.filter(seq__gt=reached)[:_ROWS])
        for row in rows:
            message = str(row.payload.get("message", ""))
            size += len(message)
            if wanted in message.casefold():
                hits += _hits(row, wanted)
            reached = row.seq
        read += len(rows)
        if len(rows) < _ROWS:
            return Found(hits, reached, complete=True)
    return Found(hits, reached, complete=False)


def _hits(row: RunEvent, wanted: str) -> list[Hit]:
    found = []
    for line in lines_of(row.seq, row.attempt, row.payload):
        at = line.text.casefold().find(wanted)
        if at >= 0:
            start = max(at - EXCERPT // 4, 0)
            excerpt = line.text[start : start + EXCERPT]
            found.append(Hit(row.seq, line.place, row.attempt, line.line, excerpt))
    return found


def _events(run_pk: int, level: str) -> Any:
    events = RunEvent.objects.filter(run_id=run_pk, kind=EventKind.LOG)
    return events.filter(payload__level__in=LEVELS[level]) if level else events


def _lines(row: RunEvent) -> list[LogLine]:
    return lines_of(row.seq, row.attempt, row.payload)


def _numbered(events: Any, start: int, end: int) -> RunEvent | None:
    """The first event of trainer's lines in a range; a note of the supervisor has no number."""
    rows: list[RunEvent] = list(events.filter(seq__gte=start, seq__lte=end).order_by("seq")[:_ROWS])
    return next((row for row in rows if first_line(row.payload)), None)
