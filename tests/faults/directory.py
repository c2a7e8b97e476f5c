"""A scripted trainer is alone in its directory and shows its stacks, as the real one does."""

from __future__ import annotations

import faulthandler
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runs_app.forecasting.events import REPLACED_EXIT
from runs_app.forecasting.fence import LOCK_FILE, lock_text, read_attempt, this_process

WAIT_SECONDS = 30.0


@contextmanager
def taken(run_dir: Path, attempt: int) -> Iterator[None]:
    """Hold ``trainer.lock`` inside the block; ends the process where it was replaced meanwhile."""
    descriptor = os.open(run_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
    limit = time.monotonic() + WAIT_SECONDS
    while True:
        if (read_attempt(run_dir) or 0) > attempt:
            os._exit(REPLACED_EXIT)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.05)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, lock_text(this_process(attempt)).encode(), 0)
    try:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def shown_on_request() -> Iterator[None]:
    """SIGUSR1 prints the stacks of all threads to standard error."""
    faulthandler.register(signal.SIGUSR1, all_threads=True, chain=False)
    yield
    faulthandler.unregister(signal.SIGUSR1)
