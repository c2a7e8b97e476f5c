"""The console of a run as lines: one stored event holds many of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runs_app.choices import EventKind
from runs_app.forecasting.counted import counted
from runs_app.models import RunEvent

LOG_LINES = 1000
"""Newest console lines that one update of a page holds; the whole log is an artifact."""

FIRST_LINES = 300
"""Newest console lines that a page begins with; older ones come as one scrolls up. A thousand of
them keep the browser from its first charts for a tenth of a second."""

LOG_CHARACTERS = 128 * 1024
"""Most text of those lines together."""

SHOWN_CHARACTERS = 4000
"""A longer line is shown as its beginning; the whole one is in the file."""

FIRST_EVENTS, MOST_EVENTS = 4, 64
"""Events read at a time: few hold enough in a flood, many are needed of a quiet log."""


@dataclass(frozen=True)
class LogLine:
    """One line of the console."""

    seq: int
    """Number of the event that holds it; several lines have the same."""
    attempt: int
    line: int
    """Number of the line in its attempt, from 1; 0 where it is not the trainer's."""
    text: str
    level: str
    """warning, error or empty."""
    place: int = 0
    """Place of the line in its event, from 0."""


@dataclass(frozen=True)
class Log:
    """Consecutive lines, oldest first, and how many before them are not shown."""

    lines: Sequence[LogLine] = ()
    left_out: int = 0


def lines_of(seq: int, attempt: int, payload: Mapping[str, Any]) -> list[LogLine]:
    """The lines of one log event as a page shows them."""
    said = str(payload.get("level") or "").lower()
    level = said if said in {"warning", "error"} else ""
    number = first_line(payload)
    texts = str(payload.get("message", "")).split("\n")
    return [
        LogLine(seq, attempt, number + place if number else 0, _shown(text), level, place)
        for place, text in enumerate(texts)
    ]


def entries_of(event: RunEvent) -> list[dict[str, Any]]:
    """The lines of one log event with everything that is stored of each."""
    payload = dict(event.payload)
    payload.pop("count", None)
    number = first_line(payload)
    return [
        payload | {"line": number + place if number else 0, "message": text}
        for place, text in enumerate(str(payload.get("message", "")).split("\n"))
    ]


def first_line(payload: Mapping[str, Any]) -> int:
    """Number of the first line of a log event."""
    number = payload.get("line")
    return number if isinstance(number, int) else 0


def newest(run_pk: int, *, up_to: int, after: int = 0, limit: int = LOG_LINES) -> Log:
    """The newest lines of events with ``after < seq <= up_to``, oldest first."""
    events = RunEvent.objects.filter(run_id=run_pk, kind=EventKind.LOG, seq__gt=after)
    found: list[list[LogLine]] = []
    counted = size = 0
    # With two bounds on one side SQLite takes another index, and reads every event of the run.
    oldest, wanted = up_to + 1, FIRST_EVENTS
    while counted < limit and size < LOG_CHARACTERS:
        rows = list(events.filter(seq__lt=oldest).order_by("-seq")[:wanted])
        for row in rows:
            lines = lines_of(row.seq, row.attempt, row.payload)
            found.append(lines)
            oldest = row.seq
            counted += len(lines)
            size += sum(len(line.text) for line in lines)
            if counted >= limit or size >= LOG_CHARACTERS:
                break
        if len(rows) < wanted:
            break
        wanted = min(2 * wanted, MOST_EVENTS)
    log = shortened([line for lines in reversed(found) for line in lines], limit)
    return Log(log.lines, log.left_out + _count(events.filter(seq__lt=oldest)))


def shortened(lines: Sequence[LogLine], limit: int = LOG_LINES) -> Log:
    """The last of these lines, as many as a page takes."""
    start, size = len(lines), 0
    while start and len(lines) - start < limit and size < LOG_CHARACTERS:
        start -= 1
        size += len(lines[start].text)
    return Log(lines[start:], start)


def of_messages(messages: Iterable[Mapping[str, Any]]) -> Log:
    """The lines in stream messages, as many as a page takes."""
    logs = (one for one in messages if one["event_type"] == EventKind.LOG)
    return shortened(
        [line for one in logs for line in lines_of(one["seq"], one.get("attempt", 0), one["data"])]
    )


def _count(events: Any) -> int:
    """Console lines in log events, told by the numbers of the first and the last of an attempt."""
    total = 0
    numbered = events.filter(payload__line__gt=0)
    for attempt in events.order_by().values_list("attempt", flat=True).distinct():
        rows = numbered.filter(attempt=attempt).values_list("payload", flat=True)
        first, last = rows.order_by("seq").first(), rows.order_by("-seq").first()
        if first and last:
            total += first_line(last) + last.get("count", 1) - first_line(first)
    return total


def _shown(text: str) -> str:
    if len(text) <= SHOWN_CHARACTERS:
        return text
    rest = len(text) - SHOWN_CHARACTERS
    return f"{text[:SHOWN_CHARACTERS]}… ({counted(rest, 'more character')} in the full log)"
