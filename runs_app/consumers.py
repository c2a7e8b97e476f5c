"""The WebSocket of a run: replay what the viewer has not seen, then live, then close."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from runs_app.live.backlog import Backlog, ends_run
from runs_app.live.fragments import render_events
from runs_app.live.groups import run_group
from runs_app.live.payloads import Hint, StreamMessage
from runs_app.models import TrainingRun

MAX_CLIENT_BYTES = 64 * 1024
LOOK_SECONDS = 10.0
"""How long a viewer trusts silence before it looks into the database: hints may be lost."""

NORMAL, TOO_BIG, UNKNOWN_RUN = 1000, 1009, 4404


class RunStreamConsumer(AsyncWebsocketConsumer):
    """``/runs/{uid}/stream?after=SEQ&format=json|html``; clients only listen."""

    async def connect(self) -> None:
        """Join the group first, then replay: an event is in one of the two, or in both."""
        self._pump: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._group = ""
        uid = self.scope["url_route"]["kwargs"]["uid"]
        query = parse_qs(self.scope["query_string"].decode("latin1"))
        after = query.get("after", ["0"])[-1]
        run_pk = await _find(uid)
        if run_pk is None or not (after.isascii() and after.isdigit() and len(after) < 19):
            await self.close(UNKNOWN_RUN)
            return
        self._run_pk = run_pk
        self._html = query.get("format") == ["html"]
        self._backlog = Backlog(run_pk, uid, int(after))
        self._group = run_group(run_pk)
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
        over = False
        while not over:
            self._wake.clear()
            messages = await self._backlog.take()
            await self._send_batch(messages)
            if messages and not ends_run(messages):
                continue
            over = await self._backlog.is_over()
            if not over and not messages:
                await self._wait()
        await self.close(NORMAL)

    async def _wait(self) -> None:
        # The spread keeps a thousand viewers from asking the database in the same moment.
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), LOOK_SECONDS * random.uniform(0.8, 1.2))

    async def _send_batch(self, messages: list[StreamMessage]) -> None:
        if self._html and messages:
            html = await database_sync_to_async(render_events)(self._run_pk, messages)
            if html:
                await self.send(text_data=html)
            return
        for message in messages:
            await self.send(text_data=json.dumps(message, separators=(",", ":")))


class UnknownAddress(AsyncWebsocketConsumer):
    """Any other WebSocket address: refused in the handshake, where no route would be a fault."""

    async def connect(self) -> None:
        """Refuse."""
        await self.close(UNKNOWN_RUN)


@database_sync_to_async
def _find(uid: str) -> Any:
    return TrainingRun.objects.filter(uid=uid).values_list("pk", flat=True).first()
