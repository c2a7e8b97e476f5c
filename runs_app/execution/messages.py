"""Sends messages to workers: from a thread, since whoever asks must not wait for the broker.

A broker that is frozen, not gone, takes a connection and then answers nothing for half a minute; a
page that launches a run would stand still for as long, and all other pages with it. A message may
be lost: it only wakes, and the queue is the database.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections import deque
from functools import cache
from typing import Any

from celery import current_app
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)

EXPIRES_SECONDS = 60
"""An older message would only repeat what the sweep has sent since."""

MAX_WAITING = 1_000
FLUSH_SECONDS = 2.0
"""How long the end of a process waits for what it wanted to send."""

Message = tuple[str, tuple[Any, ...]]


class Messenger:
    """Sends in order; at most ``MAX_WAITING`` messages wait, the oldest go first."""

    def __init__(self) -> None:
        self._waiting: deque[Message] = deque(maxlen=MAX_WAITING)
        self._idle = threading.Event()
        self._idle.set()
        self._wake = threading.Event()
        self._lock = threading.Lock()
        threading.Thread(target=self._run, name="messenger", daemon=True).start()

    def send(self, task: str, *arguments: Any) -> None:
        """Queue one message; returns at once and never raises."""
        with self._lock:
            self._idle.clear()
            self._waiting.append((task, arguments))
            self._wake.set()

    def flush(self, seconds: float) -> bool:
        """Wait until everything queued was sent or given up; False after ``seconds``."""
        return self._idle.wait(seconds)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._waiting:
                self._send(*self._waiting.popleft())
            with self._lock:
                if not self._wake.is_set():
                    self._idle.set()

    def _send(self, task: str, arguments: tuple[Any, ...]) -> None:
        try:
            current_app.send_task(task, args=arguments, expires=EXPIRES_SECONDS)
        except (OperationalError, OSError) as error:
            logger.warning("No worker could be woken by %s yet: %s", task, error)
        except Exception:
            logger.exception("A message was not sent: %s", task)


@cache
def _messenger_of(_process_id: int) -> Messenger:
    messenger = Messenger()
    atexit.register(messenger.flush, FLUSH_SECONDS)
    return messenger


def send(task: str, *arguments: Any) -> None:
    """Wake a worker by the task of that name. Never raises, never waits."""
    # A forked process has no thread: the messenger belongs to the process id.
    _messenger_of(os.getpid()).send(task, *arguments)
