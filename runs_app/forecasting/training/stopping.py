"""The wish to stop: SIGTERM or SIGINT, obeyed at the next safe place."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequested(BaseException):
    """Raised where work that has no safe place of its own is broken off; no ``Exception``, so that
    a library's catch-all cannot swallow it."""


class StopSignal:
    """Remembers that the run was asked to stop; loops ask ``requested`` between batches."""

    def __init__(self) -> None:
        self.requested = False
        self._breaking = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handle SIGTERM and SIGINT inside the block; outside the main thread it does nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in SIGNALS}
        self.claim()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)  # held back until they can be taken
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def claim(self) -> None:
        """Install the handlers; again after Lightning has put its own, which exit too early."""
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                signal.signal(number, self._receive)

    @contextmanager
    def breaking(self) -> Iterator[None]:
        """Inside the block a signal raises ``StopRequested`` at once: there is nothing to save."""
        self.check()
        self._breaking = True
        try:
            yield
        finally:
            self._breaking = False

    def check(self) -> None:
        """Raise ``StopRequested`` when a stop was asked for."""
        if self.requested:
            raise StopRequested

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt  # a second Ctrl-C means: now
        self.requested = True
        if self._breaking:
            self._breaking = False
            raise StopRequested
