"""A trainer's hold on its run directory: alone in it, and gone once it was replaced."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runs_app.forecasting.errors import DirectoryHeld
from runs_app.forecasting.events import REPLACED_EXIT
from runs_app.forecasting.fence import (
    LOCK_FILE,
    lock_text,
    read_attempt,
    read_lock,
    this_process,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAIT_SECONDS = 30.0
"""How long a trainer waits for the one before it to be gone."""
LOOK_SECONDS = 0.1
WATCH_SECONDS = 1.0


class Fence:
    """Ends this process as soon as a larger attempt number stands in the run directory.

    An attempt of 0 is a fit from a shell: nobody replaces it.
    """

    def __init__(self, run_dir: Path, attempt: int) -> None:
        self._run_dir = run_dir
        self._attempt = attempt

    def check(self) -> None:
        """Leave at once, with nothing more written, where this trainer was replaced."""
        newest = read_attempt(self._run_dir) if self._attempt else None
        if newest is not None and newest > self._attempt:
            line = f"Attempt {self._attempt} was replaced by attempt {newest} and ends.\n"
            os.write(1, line.encode())
            os._exit(REPLACED_EXIT)

    def watch(self, end: threading.Event) -> None:
        """Check again and again until ``end`` is set."""
        while not end.wait(WATCH_SECONDS):
            self.check()


@contextmanager
def holding(run_dir: Path, attempt: int) -> Iterator[Fence]:
    """Be the only trainer in ``run_dir`` inside the block.

    Waits for the one before. Raises ``DirectoryHeld`` where it does not go, ``OSError`` where the
    directory cannot be written or its file system has no locks.
    """
    fence = Fence(run_dir, attempt)
    descriptor = os.open(run_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
    end = threading.Event()
    watch = threading.Thread(target=fence.watch, args=(end,), name="fence", daemon=True)
    try:
        _take(descriptor, fence, run_dir)
        text = lock_text(this_process(attempt)).encode()
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text, 0)
        if attempt:
            watch.start()
        yield fence
    finally:
        end.set()
        if watch.is_alive():
            watch.join()
        os.close(descriptor)


def _take(descriptor: int, fence: Fence, run_dir: Path) -> None:
    limit = time.monotonic() + WAIT_SECONDS
    while True:
        fence.check()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > limit:
                raise DirectoryHeld(_sentence(run_dir)) from None
            time.sleep(LOOK_SECONDS)
        else:
            return


def _sentence(run_dir: Path) -> str:
    holder = read_lock(run_dir)
    who = f"process {holder.pid} on {holder.host}" if holder else "another process"
    return (
        f"A trainer ({who}) works in {run_dir} and did not leave it within {WAIT_SECONDS:.0f} "
        "seconds. Two at once would spoil each other's files: end that one, then start again."
    )
