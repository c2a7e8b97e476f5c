"""The messages of a run's stream, and the hint that tells consumers of new ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypedDict

from runs_app.models import RunEvent

HINT_BYTES = 60_000
"""Larger batches travel as numbers only, and the consumer reads them from the database."""


class StreamMessage(TypedDict):
    """One event as the WebSocket sends it.

    ``data`` of a ``log`` event holds ``count`` consecutive console lines in ``message``, with a
    newline between two; the first has the number ``line``, from 1 in each attempt.
    """

    event_type: str
    run_id: str
    seq: int
    attempt: int
    timestamp: str
    data: dict[str, Any]


class Hint(TypedDict):
    """Channel-layer message: events ``first`` to ``last`` of a run are in the database.

    ``messages`` holds them too, where they are few; it is None where they are not. ``size`` is
    that of the messages in bytes.
    """

    type: str
    first: int
    last: int
    messages: list[StreamMessage] | None
    size: int


def iso_utc(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and a Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stream_message(event: RunEvent, uid: str) -> StreamMessage:
    """The message of one stored event of the run with this public id."""
    return {
        "event_type": event.kind,
        "run_id": uid,
        "seq": event.seq,
        "attempt": event.attempt,
        "timestamp": iso_utc(event.at),
        "data": event.payload,
    }


def hint(events: Sequence[RunEvent], uid: str) -> Hint:
    """The hint for a batch of stored events with consecutive numbers, at least one."""
    messages: list[StreamMessage] | None = [stream_message(event, uid) for event in events]
    size = len(json.dumps(messages))
    if size > HINT_BYTES:
        messages, size = None, 0
    return {
        "type": "run.events",
        "first": events[0].seq,
        "last": events[-1].seq,
        "messages": messages,
        "size": size,
    }
