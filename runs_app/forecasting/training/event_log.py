"""``events.jsonl``, written by a thread of its own: a training step never waits for a disk."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from runs_app.forecasting.events import Event, to_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Entry = Event | Callable[[], Event]


class _Mark:
    """What the thread is told besides events."""


LOOK_SECONDS = 0.005
"""How often the thread looks for events. To be woken by each one would cost the training step the
waking and a fight for the interpreter's lock, which is dearer than all the rest."""

SYNC: Final = _Mark()
CLOSE: Final = _Mark()


class EventLog:
    """Appends events in the order of ``put``. The file holds whole lines only.

    A write that fails (a full disk) is raised by the next ``check`` or by ``close``, in the
    caller's thread; events put after it are dropped, since a hole would be worse than an end.
    """

    def __init__(self, path: Path) -> None:
        self._waiting: deque[Entry | _Mark | threading.Event] = deque()
        self._error: Exception | None = None
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        _cut_partial_line(self._file)
        self._thread = threading.Thread(target=self._write_all, name="event-log", daemon=True)
        self._thread.start()

    def put(self, entry: Entry) -> None:
        """Queue an event, or a function that makes one; the thread calls it (it may read a GPU)."""
        self._waiting.append(entry)

    def sync(self) -> None:
        """Ask that everything put so far be on the disk soon; does not wait."""
        self._waiting.append(SYNC)

    def flush(self) -> None:
        """Wait until everything put so far is on the disk. Raises what ``check`` would."""
        written = threading.Event()
        self._waiting.append(written)
        written.wait()
        self.check()

    def check(self) -> None:
        """Raise the error that stopped the writing, if there was one."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Write and fsync what is queued, and end the thread. Raises what ``check`` would."""
        if self._thread.is_alive():
            self._waiting.append(CLOSE)
            self._thread.join()
            os.close(self._file)
        self.check()

    def _write_all(self) -> None:
        closing = False
        while not closing:
            entries = [self._waiting.popleft() for _ in range(len(self._waiting))]
            closing = CLOSE in entries
            if not entries:
                time.sleep(LOOK_SECONDS)
            elif self._error is None:
                self._write(entries)
            for waiter in entries:
                if isinstance(waiter, threading.Event):
                    waiter.set()

    def _write(self, entries: list[Entry | _Mark | threading.Event]) -> None:
        try:
            lines = b"".join(
                to_line(entry() if callable(entry) else entry)
                for entry in entries
                if not isinstance(entry, _Mark | threading.Event)
            )
            _write_whole(self._file, lines)
            if any(isinstance(entry, _Mark | threading.Event) for entry in entries):
                os.fsync(self._file)
        except Exception as error:  # noqa: BLE001 - handed to the caller's thread by check()
            self._error = error


def _write_whole(file: int, lines: bytes) -> None:
    rest = memoryview(lines)
    while rest:
        rest = rest[os.write(file, rest) :]


def _cut_partial_line(file: int) -> None:
    """Cut what a crash left of a last line: no reader has taken it, and it cannot be finished."""
    end = os.lseek(file, 0, os.SEEK_END)
    position = end
    while position > 0:
        start = max(0, position - 4096)
        block = os.pread(file, position - start, start)
        found = block.rfind(b"\n")
        if found >= 0:
            position = start + found + 1
            break
        position = start
    if position != end:
        os.ftruncate(file, position)
        os.lseek(file, position, os.SEEK_SET)
