"""What one viewer has been sent and what is still to come: in order, nothing twice, no hole."""

from __future__ import annotations

import json

from channels.db import database_sync_to_async

from runs_app.choices import FINAL
from runs_app.live.payloads import HINT_BYTES, Hint, StreamMessage, stream_message
from runs_app.live.shared import shared
from runs_app.live.updates import Update, update_of
from runs_app.models import RunEvent, TrainingRun

CHUNK = 500
"""Events read from the database, and sent to a viewer, at a time."""

CHUNK_BYTES = 256 * 1024
"""The same in bytes of JSON: reading stops after the event that reaches it."""

FIRST_EVENTS = 16


class Backlog:
    """Events of one run after a number. Hints are a short cut; the database is the truth."""

    def __init__(self, run_pk: int, uid: str, after: int) -> None:
        self._run_pk = run_pk
        self.uid = uid
        self._fresh: list[StreamMessage] = []
        self._heard = 0
        self.sent = after
        """Number of the newest event taken."""

    def hear(self, hint: Hint) -> None:
        """Keep a hint's messages where they leave no hole, as long as they are few."""
        messages = hint["messages"]
        reached = self._fresh[-1]["seq"] if self._fresh else self.sent
        few = len(self._fresh) < CHUNK and self._heard + HINT_BYTES <= CHUNK_BYTES
        if messages and hint["first"] <= reached + 1 and few:
            self._fresh += [message for message in messages if message["seq"] > reached]
            self._heard += hint["size"]

    async def take(self) -> list[StreamMessage]:
        """The next messages, a bounded amount; an empty list when there are none."""
        fresh = self._take_fresh()
        if not fresh:
            fresh = await database_sync_to_async(self._read)()
        if fresh:
            self.sent = fresh[-1]["seq"]
        return fresh

    async def take_update(self) -> Update:
        """What a page lacks: of many console lines only the newest."""
        fresh = self._take_fresh()
        if fresh:
            update = update_of(fresh)
        else:
            update = await database_sync_to_async(shared.read)(self._run_pk, self.uid, self.sent)
        self.sent = update.seq
        return update

    async def is_over(self) -> bool:
        """True when the run has ended, or is gone, and every event of it was taken."""
        return bool(await database_sync_to_async(self._has_ended)())

    def _take_fresh(self) -> list[StreamMessage]:
        fresh, self._fresh, self._heard = self._fresh, [], 0
        return [message for message in fresh if message["seq"] > self.sent]

    def _read(self) -> list[StreamMessage]:
        """From the database, in growing pages, since events differ so much in size."""
        events = RunEvent.objects.filter(run_id=self._run_pk).order_by("seq")
        found: list[StreamMessage] = []
        size, wanted = 0, FIRST_EVENTS
        while len(found) < CHUNK:
            reached = found[-1]["seq"] if found else self.sent
            rows = list(events.filter(seq__gt=reached)[:wanted])
            for row in rows:
                found.append(stream_message(row, self.uid))
                size += len(json.dumps(row.payload))
                if size >= CHUNK_BYTES:
                    return found
            if len(rows) < wanted:
                break
            wanted = min(2 * wanted, CHUNK - len(found))
        return found

    def _has_ended(self) -> bool:
        run = TrainingRun.objects.filter(pk=self._run_pk).only("status", "last_seq").first()
        return run is None or (run.status in FINAL and run.last_seq <= self.sent)
