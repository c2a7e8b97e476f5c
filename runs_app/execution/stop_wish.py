"""First ask the trainer to stop; kill it at a second request or when its time is up."""

from __future__ import annotations

import time

from runs_app.execution.leases import Wish
from runs_app.execution.trainer_process import TrainerProcess

CANCEL_GRACE_SECONDS = 30.0
"""Time to finish the batch and save."""

SHUTDOWN_GRACE_SECONDS = 3.0
"""Shorter than the time a service manager gives the worker itself."""


class StopWish:
    """What one trainer was asked so far."""

    def __init__(self) -> None:
        self._deadline: float | None = None
        self._worker_stopping = False
        self.killed = False
        """Whether it had to be killed."""

    def consider(self, trainer: TrainerProcess, wish: Wish, *, worker_stopping: bool) -> None:
        """Act on what was asked of the run and on the worker's own end."""
        now = time.monotonic()
        if self._deadline is None and (wish.stop or worker_stopping):
            trainer.ask_to_stop()
            self._deadline = now + CANCEL_GRACE_SECONDS
        if self._deadline is None or self.killed:
            return
        if worker_stopping and not self._worker_stopping:
            self._worker_stopping = True
            self._deadline = min(self._deadline, now + SHUTDOWN_GRACE_SECONDS)
        if now >= self._deadline or wish.now:
            trainer.kill()
            self.killed = True
