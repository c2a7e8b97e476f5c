"""The one publisher: the only caller of the channel layer's ``group_send``.

A thread with an event loop of its own sends the hints of this process in order, so that whoever
stored the events never waits for Redis. A hint may be lost: consumers read the database.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
from collections import deque
from collections.abc import Sequence
from functools import cache

from channels.layers import channel_layers

from runs_app.live.groups import run_group
from runs_app.live.payloads import Hint, hint
from runs_app.models import RunEvent, TrainingRun

logger = logging.getLogger(__name__)

MAX_WAITING = 1_000
SEND_SECONDS = 5.0
FLUSH_SECONDS = 1.0


class Publisher:
    """Sends hints from a daemon thread; at most ``MAX_WAITING`` wait, the oldest go first."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[str, Hint]] = deque(maxlen=MAX_WAITING)
        self._idle = threading.Event()
        self._idle.set()
        self._loop = asyncio.new_event_loop()
        self._wake = asyncio.Event()
        threading.Thread(target=self._run, name="publisher", daemon=True).start()

    def send(self, group: str, message: Hint) -> None:
        """Queue one hint; returns at once and never raises for Redis being away."""
        self._idle.clear()
        self._waiting.append((group, message))
        self._loop.call_soon_threadsafe(self._wake.set)

    def flush(self, timeout: float) -> bool:
        """Wait until everything queued was sent or given up; False after ``timeout`` seconds."""
        return self._idle.wait(timeout)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._send_forever())

    async def _send_forever(self) -> None:
        layer = channel_layers["default"]
        away = False
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                group, message = self._waiting.popleft()
                try:
                    await asyncio.wait_for(layer.group_send(group, message), SEND_SECONDS)
                    away = False
                except Exception as error:  # noqa: BLE001 - whatever Redis raises, a hint may be lost
                    if not away:  # said once in an outage
                        logger.warning("Hints are not sent, from %s on: %s", group, error)
                    away = True
            if not self._wake.is_set():
                self._idle.set()


@cache
def _publisher_of(_process_id: int) -> Publisher:
    publisher = Publisher()
    atexit.register(publisher.flush, FLUSH_SECONDS)
    return publisher


def publish(run: TrainingRun, events: Sequence[RunEvent]) -> None:
    """Tell the viewers of ``run`` of events just committed, with consecutive numbers."""
    if events:
        # A forked process has no thread: the publisher belongs to the process id.
        _publisher_of(os.getpid()).send(run_group(run.pk), hint(events, run.uid))
