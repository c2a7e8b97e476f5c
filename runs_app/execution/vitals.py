"""Whether the threads of this worker still move, told by the time of a file.

Each thread whose standing still would hold runs up says now and then that it goes on. A watch
touches the file every ``ROUND_SECONDS`` as long as all of them do; ``bin/start`` looks at it, and
starts a worker again whose file stays as it is. Rounds are counted, not timed: after the computer,
or this process alone, has stood still, no thread is blamed for that.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path

logger = logging.getLogger(__name__)

ROUND_SECONDS = 2.0
MOST_ROUNDS = 180
"""Longer than an outage of the database that is sat out with a trainer running (300 s), and than a
frozen broker can hold Celery's loop up: four times its timeout of 30 s."""

LOOP = "the loop that takes messages"
PULSE = "the pulse"


class Vitals:
    """Which threads are watched, and for how many rounds each has been silent."""

    def __init__(self) -> None:
        self._silent: dict[str, int] = {}
        self._lock = threading.Lock()

    def note(self, thread: str) -> None:
        """``thread`` moves; from the first time on it is watched."""
        with self._lock:
            self._silent[thread] = 0

    def leave(self, thread: str) -> None:
        """``thread`` has ended, or waits for something that may take for ever."""
        with self._lock:
            self._silent.pop(thread, None)

    def round(self) -> str:
        """Count one round; the name of a thread that was silent for too many, empty if none was."""
        with self._lock:
            for thread in self._silent:
                self._silent[thread] += 1
            for thread, rounds in self._silent.items():
                if rounds > MOST_ROUNDS:
                    return thread
        return ""


VITALS = Vitals()
"""Those of this process."""


def watch(folder: Path) -> None:
    """Touch this process's file in ``folder`` from now on, in a thread of its own."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in folder.glob("worker-*.alive"):
        if not _lives(old):
            old.unlink(missing_ok=True)
    file = folder / f"worker-{os.getpid()}.alive"
    file.touch(mode=0o600)
    threading.Thread(target=_watch, args=(file,), name="vitals", daemon=True).start()


def _watch(file: Path) -> None:
    said = ""
    while True:
        hung = VITALS.round()
        if not hung:
            os.utime(file)  # takes no room, so a full disk does not hinder it
        elif hung != said:
            logger.error("This worker hangs: %s has stopped moving.", hung)
        said = hung
        time.sleep(ROUND_SECONDS)


def _lives(file: Path) -> bool:
    try:
        os.kill(int(file.stem.partition("-")[2]), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
