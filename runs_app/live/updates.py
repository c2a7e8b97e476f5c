"""What brings an open page up to date: everything but console lines, and the newest of those."""

from __future__ import annotations

from dataclasses import dataclass, field

from runs_app import log_lines
from runs_app.choices import EventKind
from runs_app.live.payloads import StreamMessage, stream_message
from runs_app.log_lines import Log
from runs_app.models import RunEvent, TrainingRun

MAX_EVENTS = 500
"""Events other than log lines in one update."""


@dataclass(frozen=True)
class Update:
    """What happened after one event number, up to another."""

    seq: int
    """Number of the newest event it covers."""
    events: list[StreamMessage] = field(default_factory=list)
    """Everything but the log, in order."""
    log: Log = field(default_factory=Log)

    @property
    def is_empty(self) -> bool:
        """True where nothing happened."""
        return not (self.events or self.log.lines)


def update_of(messages: list[StreamMessage]) -> Update:
    """The update that consecutive messages are, at least one."""
    events = [message for message in messages if message["event_type"] != EventKind.LOG]
    return Update(messages[-1]["seq"], events, log_lines.of_messages(messages))


def read_update(run_pk: int, uid: str, after: int, *, up_to: int | None = None) -> Update:
    """The update from the database; of a long absence it shows what is newest in the log.

    It covers all events, or those up to a number that is known to be there.
    """
    end = up_to or TrainingRun.objects.filter(pk=run_pk).values_list("last_seq", flat=True).first()
    if end is None or end <= after:
        return Update(after)
    rows = RunEvent.objects.filter(run_id=run_pk, seq__gt=after, seq__lte=end)
    events = list(rows.exclude(kind=EventKind.LOG).order_by("seq")[:MAX_EVENTS])
    if len(events) == MAX_EVENTS:
        end = events[-1].seq
    messages = [stream_message(event, uid) for event in events]
    return Update(end, messages, log_lines.newest(run_pk, after=after, up_to=end))
