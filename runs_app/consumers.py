"""The WebSocket of a run: replay what the viewer has not seen, then live, then close."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from runs_app.execution.patience import AWAY, FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS
from runs_app.forms.numbers import whole_number
from runs_app.live.backlog import Backlog
from runs_app.live.groups import run_group
from runs_app.live.payloads import Hint
from runs_app.live.shared import shared
from runs_app.models import TrainingRun

logger = logging.getLogger(__name__)

MAX_CLIENT_BYTES = 64 * 1024
LOOK_SECONDS = 3.5
"""How long a viewer trusts silence before it looks into the database: hints may be lost."""

LOG_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.3, 1.5
"""Time between two updates of a page that bring console lines."""

BUSY_FACTOR = 3.0
"""So many times what making an update took, nothing is made for the same page."""

NORMAL, TOO_BIG, BROKEN, TRY_AGAIN = 1000, 1009, 1011, 1013
UNKNOWN_RUN, BEYOND_END = 4404, 4416


class RunStreamConsumer(AsyncWebsocketConsumer):
    """``/runs/{uid}/stream?after=SEQ&format=json|html``; clients only listen.

    Closes with 1000 when the run has ended and everything was sent, 4404 for an unknown run, and
    4416 where ``after`` is larger than the number of the run's newest event: begin again with 0.
    """

    async def connect(self) -> None:
        """Join the group first, then replay: an event is in one of the two, or in both."""
        self._pump: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._group = ""
        uid = self.scope["url_route"]["kwargs"]["uid"]
        query = parse_qs(self.scope["query_string"].decode("latin1"))
        after = whole_number(query.get("after", ["0"])[-1])
        try:
            known = await _find(uid)
        except AWAY:
            await self.close(TRY_AGAIN)
            return
        if known is None or after is None:
            await self.close(UNKNOWN_RUN)
            return
        self._run_pk, last_seq = known
        if after > last_seq:
            await self.accept()  # a refused handshake could not carry the reason
            await self.close(BEYOND_END, f"after is {after}, the newest event {last_seq}")
            return
        self._html = query.get("format") == ["html"]
        self._backlog = Backlog(self._run_pk, uid, after)
        self._group = run_group(self._run_pk)
        await self.channel_layer.group_add(self._group, self.channel_name)
        await self.accept()
        self._pump = asyncio.create_task(self._send_all())

    async def disconnect(self, code: int) -> None:
        """Leave the group and stop sending."""
        if self._pump:
            self._pump.cancel()
            with suppress(asyncio.CancelledError):
                await self._pump
        if self._group:
            await self.channel_layer.group_discard(self._group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Ignore what a client says; close when it says too much."""
        if len(text_data or bytes_data or "") > MAX_CLIENT_BYTES:
            await self.close(TOO_BIG)

    async def run_events(self, hint: Hint) -> None:
        """There are new events: remember that, and let the one sender go on."""
        self._backlog.hear(hint)
        self._wake.set()

    async def _send_all(self) -> None:
        """The only sender: one batch at a time, however many hints came meanwhile."""
        over, wait = False, FIRST_WAIT_SECONDS
        try:
            while not over:
                try:
                    over = await self._send_next()
                    wait = FIRST_WAIT_SECONDS
                except AWAY as error:
                    logger.warning("The database is away, a viewer waits: %s", error)
                    await asyncio.sleep(wait * random.uniform(0.8, 1.2))
                    wait = min(2 * wait, LONGEST_WAIT_SECONDS)
        except Exception:
            logger.exception("A viewer of %s cannot be served.", self._group)
            await self.close(BROKEN)
        else:
            await self.close(NORMAL)

    async def _send_next(self) -> bool:
        """Send what there is, or wait for it; True when nothing more will come."""
        self._wake.clear()
        if await (self._send_html() if self._html else self._send_json()):
            return False
        if await self._backlog.is_over():
            return True
        # The spread keeps a thousand viewers from asking the database in the same moment.
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), LOOK_SECONDS * random.uniform(0.8, 1.2))
        return False

    async def _send_html(self) -> bool:
        began, before = time.monotonic(), self._backlog.sent
        update = await self._backlog.take_update()
        try:
            html = await database_sync_to_async(shared.text)(
                self._run_pk, self._backlog.uid, before, update
            )
        except AWAY:
            self._backlog.sent = before
            raise
        made = time.monotonic()
        if html:
            await self.send(text_data=html)
        if update.log.lines:
            # All viewers' reads share one thread: where they wait for it, each asks less often.
            spent = BUSY_FACTOR * (made - began)
            await asyncio.sleep(min(max(LOG_PAUSE_SECONDS, spent), LONGEST_PAUSE_SECONDS))
        return not update.is_empty

    async def _send_json(self) -> bool:
        messages = await self._backlog.take()
        for message in messages:
            await self.send(
                text_data=json.dumps(message, ensure_ascii=False, separators=(",", ":"))
            )
        return bool(messages)


class UnknownAddress(AsyncWebsocketConsumer):
    """Any other WebSocket address: refused in the handshake, where no route would be a fault."""

    async def connect(self) -> None:
        """Refuse."""
        await self.close(UNKNOWN_RUN)


@database_sync_to_async
def _find(uid: str) -> Any:
    return TrainingRun.objects.filter(uid=uid).values_list("pk", "last_seq").first()
