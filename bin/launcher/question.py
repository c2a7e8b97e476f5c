"""A question to a server on this computer, asked without waiting: whether it answers at all.

The launcher has one thread and must hear Ctrl-C at every moment, so nothing here blocks for longer
than ``CONNECT_SECONDS``.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

CONNECT_SECONDS = 0.2
ANSWER_SECONDS = 5.0
PROBE_SECONDS = 5.0
FAILED_PROBES = 12
"""So many in a row, a minute of them, and a process counts as one that does not answer.

Counted and not timed: after the whole computer, or the launcher alone, has slept, the first answer
is waited for like any other.
"""
_HEAD_BYTES = 64


class Question:
    """Words sent to an address (host and port, or the path of a UNIX socket), and a good answer."""

    def __init__(self, address: tuple[str, int] | str, words: bytes, good: bytes) -> None:
        self._address = address
        self._words = words
        self._good = re.compile(good)
        self._socket: socket.socket | None = None
        self._heard = b""
        self._deadline = 0.0

    def ask(self, now: float) -> None:
        """Send the words; what was asked before is forgotten."""
        self.close()
        self._heard = b""
        self._deadline = now + ANSWER_SECONDS
        asking = socket.socket(socket.AF_UNIX if isinstance(self._address, str) else socket.AF_INET)
        try:
            asking.settimeout(CONNECT_SECONDS)
            asking.connect(self._address)
            asking.sendall(self._words)
            asking.settimeout(0)
        except OSError:
            asking.close()
        else:
            self._socket = asking

    @property
    def asked(self) -> bool:
        """Whether an answer is waited for."""
        return self._socket is not None

    def answer(self, now: float) -> bool | None:
        """True for a good answer, False for another or none in time, None while it may come."""
        if self._socket is None:
            return False
        verdict: bool | None = None
        try:
            data = self._socket.recv(_HEAD_BYTES)
            self._heard += data
            if self._good.match(self._heard):
                verdict = True
            elif not data or len(self._heard) >= _HEAD_BYTES:
                verdict = False
        except BlockingIOError:
            if now >= self._deadline:
                verdict = False
        except OSError:
            verdict = False
        if verdict is not None:
            self.close()
        return verdict

    def is_answered(self, now: float) -> bool:
        """Whether a good answer has come by now; asks, and asks again after any other."""
        if not self.asked:
            self.ask(now)
        return bool(self.answer(now))

    def close(self) -> None:
        """Wait for no answer."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
            self._socket = None


def page(port: int, path: str, good: bytes) -> Question:
    """Ask the web process for a page; ``good`` matches the three digits of its status."""
    words = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/html\r\n"
    end = "Connection: close\r\n\r\n"
    return Question(("127.0.0.1", port), (words + end).encode(), rb"HTTP/1\.\d " + good)


class Sign:
    """In place of a question: whether a file is touched by the process that is to do that."""

    def __init__(self, file: Callable[[], Path]) -> None:
        self._file = file
        self._known = 0
        self._deadline = 0.0

    def ask(self, now: float) -> None:
        """From here on a new time of the file is waited for."""
        self._known = self._time()
        self._deadline = now + ANSWER_SECONDS

    def answer(self, now: float) -> bool | None:
        """True once the file was touched, False where it was not in time, None while it may be."""
        if self._time() != self._known:
            return True
        return False if now >= self._deadline else None

    def close(self) -> None:
        """Nothing is waited for."""

    def _time(self) -> int:
        try:
            return self._file().stat().st_mtime_ns
        except OSError:
            return 0


class Going:
    """In place of a question where none can be asked: whether a process was stopped (SIGSTOP)."""

    def __init__(self, pid: Callable[[], int]) -> None:
        self._pid = pid

    def ask(self, now: float) -> None:
        """Nothing has to be sent."""

    def answer(self, now: float) -> bool | None:
        """False while it is stopped; one that has ended is noticed elsewhere."""
        try:
            return psutil.Process(self._pid()).status() != psutil.STATUS_STOPPED
        except psutil.Error:
            return True

    def close(self) -> None:
        """Nothing is waited for."""


class Pulse:
    """Asks again and again, and says when too many answers in a row have not come."""

    def __init__(self, question: Question | Sign | Going) -> None:
        self._question = question
        self.begin(0.0)

    def begin(self, now: float) -> None:
        """A new process stands behind the address."""
        self._question.close()
        self._waiting = False
        self._failed = 0
        self._next = now + PROBE_SECONDS

    def is_lost(self, now: float) -> bool:
        """Whether ``FAILED_PROBES`` in a row have failed; to be called several times a second."""
        if self._waiting:
            good = self._question.answer(now)
            if good is None:
                return False
            self._waiting = False
            self._failed = 0 if good else self._failed + 1
        if now >= self._next:
            self._question.ask(now)
            self._waiting = True
            self._next = now + PROBE_SECONDS
        return self._failed >= FAILED_PROBES
