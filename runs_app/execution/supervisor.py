"""Supervises a trainer: reads it, samples the machine, keeps the lease, passes the stop wish on."""

from __future__ import annotations

import errno
import logging
import threading
import time
from datetime import datetime
from functools import partial
from pathlib import Path

from django.conf import settings

from runs_app.choices import RunStatus
from runs_app.execution import artifacts, lifecycle, memory_kills, run_directory
from runs_app.execution.feed import Feed
from runs_app.execution.lifecycle import Claim, LeaseLost, Outcome
from runs_app.execution.outcome import SENTENCES, Evidence, judge
from runs_app.execution.patience import patiently
from runs_app.execution.slots import Slot
from runs_app.execution.telemetry import Sampler
from runs_app.execution.trainer_process import Exit, TrainerProcess, TrainerServer
from runs_app.execution.tries import note_try
from runs_app.forecasting.events import Reason

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.01
WISH_SECONDS = 0.2
LEASE_RENEWAL_SECONDS = 5.0
SAMPLE_SECONDS = 2.0
CANCEL_GRACE_SECONDS = 8.0
SHUTDOWN_GRACE_SECONDS = 3.0
"""Shorter than the time a service manager gives the worker itself."""
DOUBLE_CLICK_SECONDS = 1.0
"""A second cancel within this time is the same one."""


class Supervisor:
    """One attempt of one run, from the start of its trainer to the settled status."""

    def __init__(
        self, held: Claim, slot: Slot, server: TrainerServer, stopping: threading.Event
    ) -> None:
        self._held = held
        self._slot = slot
        self._server = server
        self._worker_stopping = stopping
        self._directory = run_directory.path_of(held.uid)
        self._stop = _StopWish()
        self._due: dict[str, float] = {}

    def run(self) -> None:
        """Train, and settle the run. Returns when no process of it is left."""
        kills_before = memory_kills.count()
        patiently(
            partial(note_try, self._held.run_pk, self._directory), self._worker_stopping.is_set
        )
        feed = Feed(self._held, self._directory, self._worker_stopping.is_set)
        trainer = self._server.spawn(
            self._directory,
            Path(settings.DATA_ROOT),
            self._slot.devices,
            attempt=self._held.attempt,
        )
        try:
            how = self._watch(trainer, feed)
            feed.drain()
            self._finish(how, feed, memory_kills.count() - kills_before)
        except LeaseLost as error:
            logger.warning("%s Its trainer is ended.", error)
        except Exception as error:
            logger.exception("Run %s cannot be supervised any more.", self._held.uid)
            _end(trainer)
            lifecycle.settle(self._held, _broken(error))
        finally:
            feed.close()
            _end(trainer)

    def _watch(self, trainer: TrainerProcess, feed: Feed) -> Exit:
        sampler = Sampler(self._slot.gpu)
        while (how := trainer.wait(POLL_SECONDS)) is None:
            feed.pump()
            if self._is_due("wish", WISH_SECONDS):
                self._look_for_wishes(trainer)
            if self._is_due("lease", LEASE_RENEWAL_SECONDS):
                self._renew_lease()
            if self._is_due("sample", SAMPLE_SECONDS):
                feed.add_sample(sampler.sample(trainer.pid))
        return how

    def _finish(self, how: Exit, feed: Feed, kills: int) -> None:
        give_up = self._worker_stopping.is_set
        patiently(
            partial(artifacts.register_all, self._held.run_pk, self._directory, self._tick), give_up
        )
        outcome = judge(
            Evidence(
                exit=how,
                last_word=feed.last_word,
                cancel_requested=bool(patiently(self._wish, give_up)),
                worker_stopping=self._worker_stopping.is_set(),
                killed_by_us=self._stop.killed,
                memory_kills=kills,
                log_tail=tuple(feed.log_tail),
            )
        )
        patiently(partial(lifecycle.settle, self._held, outcome), give_up)
        logger.info("Run %s: %s. %s", self._held.uid, outcome.status.label, outcome.message)

    def _look_for_wishes(self, trainer: TrainerProcess) -> None:
        wish = patiently(self._wish, self._worker_stopping.is_set)
        self._stop.consider(trainer, wish, worker_stopping=self._worker_stopping.is_set())

    def _wish(self) -> datetime | None:
        return lifecycle.cancel_wish(self._held)

    def _renew_lease(self) -> None:
        if not patiently(partial(lifecycle.renew_lease, self._held), self._worker_stopping.is_set):
            raise LeaseLost(f"Run {self._held.uid} was given to another worker or settled.")

    def _tick(self) -> None:
        if self._is_due("lease", LEASE_RENEWAL_SECONDS):
            self._renew_lease()

    def _is_due(self, duty: str, seconds: float) -> bool:
        now = time.monotonic()
        if now < self._due.get(duty, 0.0):
            return False
        self._due[duty] = now + seconds
        return True


def _end(trainer: TrainerProcess) -> None:
    """Leave no process behind."""
    if trainer.exit is None:
        trainer.kill()
        trainer.wait()


def _broken(error: Exception) -> Outcome:
    """The outcome of a run whose supervisor failed, which is not the run's own fault."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return Outcome(RunStatus.FAILED, Reason.DISK_FULL, SENTENCES[Reason.DISK_FULL])
    message = (
        f"The worker could not go on with this run: {type(error).__name__}: {error}. "
        "Start the run again with Retry; if it happens again, report it with the worker's log."
    )
    return Outcome(RunStatus.FAILED, Reason.BUG, message)


class _StopWish:
    """First ask the trainer to stop; kill it at a second request or when its time is up."""

    def __init__(self) -> None:
        self._asked: datetime | None = None
        self._deadline: float | None = None
        self._worker_stopping = False
        self.killed = False

    def consider(
        self, trainer: TrainerProcess, wish: datetime | None, *, worker_stopping: bool
    ) -> None:
        """Act on the newest cancel request and on the worker's own end."""
        now = time.monotonic()
        if self._deadline is None and (wish or worker_stopping):
            trainer.ask_to_stop()
            self._asked = wish
            self._deadline = now + CANCEL_GRACE_SECONDS
        if self._deadline is None or self.killed:
            return
        if worker_stopping and not self._worker_stopping:
            self._worker_stopping = True
            self._deadline = min(self._deadline, now + SHUTDOWN_GRACE_SECONDS)
        if now >= self._deadline or self._asked_again(wish):
            trainer.kill()
            self.killed = True

    def _asked_again(self, wish: datetime | None) -> bool:
        if wish and self._asked is None:
            self._asked = wish
        if not wish or not self._asked:
            return False
        return (wish - self._asked).total_seconds() >= DOUBLE_CLICK_SECONDS
