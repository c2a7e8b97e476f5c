"""What one viewer has been sent and what is still to come: in order, nothing twice, no hole."""

from __future__ import annotations

from channels.db import database_sync_to_async

from runs_app.choices import FINAL
from runs_app.live.payloads import Hint, StreamMessage, stream_message
from runs_app.models import RunEvent, TrainingRun

CHUNK = 500
"""Events read from the database, and sent to a viewer, at a time."""


class Backlog:
    """Events of one run after a number. Hints are a short cut; the database is the truth."""

    def __init__(self, run_pk: int, uid: str, after: int) -> None:
        self._run_pk = run_pk
        self._uid = uid
        self._fresh: list[StreamMessage] = []
        self.sent = after
        """Number of the newest event taken."""

    def hear(self, hint: Hint) -> None:
        """Keep a hint's messages where they leave no hole, as long as they are few."""
        messages = hint["messages"]
        reached = self._fresh[-1]["seq"] if self._fresh else self.sent
        if messages and hint["first"] <= reached + 1 and len(self._fresh) < CHUNK:
            self._fresh += [message for message in messages if message["seq"] > reached]

    async def take(self) -> list[StreamMessage]:
        """The next messages, at most about two chunks; an empty list when there are none."""
        fresh, self._fresh = self._fresh, []
        fresh = [message for message in fresh if message["seq"] > self.sent]
        if not fresh:
            fresh = await database_sync_to_async(self._read)()
        if fresh:
            self.sent = fresh[-1]["seq"]
        return fresh

    def _read(self) -> list[StreamMessage]:
        events = RunEvent.objects.filter(run_id=self._run_pk, seq__gt=self.sent).order_by("seq")
        return [stream_message(event, self._uid) for event in events[:CHUNK]]

    async def is_over(self) -> bool:
        """True when the run has ended, or is gone, and every event of it was taken."""
        return bool(await database_sync_to_async(self._has_ended)())

    def _has_ended(self) -> bool:
        run = TrainingRun.objects.filter(pk=self._run_pk).only("status", "last_seq").first()
        return run is None or (run.status in FINAL and run.last_seq <= self.sent)


def ends_run(messages: list[StreamMessage]) -> bool:
    """True where one of the messages says that the run has reached a final state."""
    return any(
        message["event_type"] == "status" and message["data"].get("status") in FINAL
        for message in messages
    )
