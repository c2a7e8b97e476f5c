"""Supervises a trainer: reads it, samples the machine, keeps the lease, passes the stop wish on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from django.conf import settings

from runs_app.choices import RunStatus
from runs_app.execution import artifacts, leases, lifecycle, memory_kills, run_directory
from runs_app.execution.feed import Feed
from runs_app.execution.leases import Claim, LeaseLost
from runs_app.execution.leftovers import clear_lost, end_earlier_trainer
from runs_app.execution.lifecycle import Outcome
from runs_app.execution.outcome import SENTENCES, Evidence, Interrupted, judge, said_last
from runs_app.execution.patience import AWAY, OUTAGE_SECONDS, Patience, patiently
from runs_app.execution.slots import HeldSlots
from runs_app.execution.stall import StallWatch
from runs_app.execution.stop_wish import CANCEL_GRACE_SECONDS, StopWish
from runs_app.execution.telemetry import Sampler
from runs_app.execution.trainer_process import Exit, TrainerProcess, TrainerServer
from runs_app.execution.tries import note_try
from runs_app.execution.vitals import VITALS
from runs_app.forecasting.config.document import validate
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.errors import ConfigInvalid, is_disk_full
from runs_app.forecasting.events import CHECKPOINT_DIR, Reason
from runs_app.forecasting.fence import write_attempt
from runs_app.forecasting.whole_file import remove_unfinished
from runs_app.models import TrainingRun

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

POLL_SECONDS = 0.01
WISH_SECONDS = 0.2
SAMPLE_SECONDS = 2.0
STALL_LOOK_SECONDS = 1.0
STACKS_SECONDS = 2.0
"""Time for a trainer that hangs to print where its threads stand."""

NO_DIRECTORY = (
    "The directory of this run is missing where runs are stored (MEDIA_ROOT), so there is nothing "
    "to train in. Put it back, or start the same anew with Clone."
)
OUTAGE = (
    f"The database was away for more than {OUTAGE_SECONDS / 60:g} minutes, so the trainer saved "
    "and ended."
)


class Supervisor:
    """One attempt of one run, from the start of its trainer to the settled status."""

    def __init__(
        self, held: Claim, slots: HeldSlots, server: TrainerServer, stopping: threading.Event
    ) -> None:
        self._held = held
        self._slots = slots
        self._server = server
        self._worker_stopping = stopping
        self._directory = run_directory.path_of(held.uid)
        self._thread = f"the supervisor of run {held.uid}"
        self._patience = Patience(self._is_stopping)
        self._stop = StopWish()
        self._halt = ""
        self._due: dict[str, float] = {}
        self._trainer: TrainerProcess | None = None

    def run(self) -> None:
        """Train, and settle the run. Returns when no process of it is left."""
        feed: Feed | None = None
        VITALS.note(self._thread)
        try:
            kills_before = memory_kills.count()
            feed = Feed(self._held, self._directory, self._patience)
            config = self._prepare(feed)
            if config is None:
                return
            self._trainer = self._spawn(config)
            how = self._watch(self._trainer, feed, config)
            feed.drain(self._tick)
            self._finish(how, feed, memory_kills.count() - kills_before)
        except LeaseLost as error:
            logger.warning("%s Its trainer is ended.", error)
        except AWAY:
            self._sit_out(feed)
        except Exception as error:
            logger.exception("Run %s cannot be supervised any more.", self._held.uid)
            self._end()
            self._register_if_it_can_be(feed)
            self._patiently(partial(lifecycle.settle, self._held, _broken(error)))
        finally:
            self._end()
            if feed:
                feed.close()
            VITALS.leave(self._thread)

    def _prepare(self, feed: Feed) -> RunConfig | None:
        """Read out what an earlier attempt left; None where that says how the run ended."""
        try:
            config = self._patiently(self._stored_config)
        except ConfigInvalid as invalid:
            self._settle(Outcome(RunStatus.FAILED, Reason.CONFIG, str(invalid)))
            return None
        if not self._directory.is_dir():
            self._settle(Outcome(RunStatus.FAILED, Reason.DATA, NO_DIRECTORY))
            return None
        if self._held.attempt > 1:
            end_earlier_trainer(self._directory)
            feed.drain(self._tick)
            if ended := said_last(feed.word_left()):
                self._register(feed)
                self._settle(ended)
                return None
        feed.begin()
        self._patiently(partial(note_try, self._held.run_pk, self._directory))
        write_attempt(self._directory, self._held.attempt)
        return config

    def _stored_config(self) -> RunConfig:
        return validate(TrainingRun.objects.only("config").get(pk=self._held.run_pk).config)

    def _spawn(self, config: RunConfig) -> TrainerProcess:
        return self._server.spawn(
            self._directory,
            Path(settings.DATA_ROOT),
            self._slots.devices,
            attempt=self._held.attempt,
            processes=config.train.devices,
        )

    def _watch(self, trainer: TrainerProcess, feed: Feed, config: RunConfig) -> Exit:
        sampler = Sampler(self._slots.gpus, self._directory)
        stall = StallWatch(
            self._directory, config.train.stall_minutes, lambda: feed.bytes_of_events
        )
        feed.add_sample(sampler.sample(trainer.pid))  # a short run has one, too
        self._is_due("sample", SAMPLE_SECONDS)
        while (how := trainer.wait(POLL_SECONDS)) is None:
            VITALS.note(self._thread)
            feed.pump()
            if self._is_due("wish", WISH_SECONDS):
                self._look_for_wishes(trainer)
            if self._is_due("lease", leases.renewal_seconds()):
                self._renew_lease()
            if self._is_due("sample", SAMPLE_SECONDS):
                feed.add_sample(sampler.sample(trainer.pid))
            if not self._halt and self._is_due("stall", STALL_LOOK_SECONDS):
                self._look_for_stall(trainer, stall)
        return how

    def _finish(self, how: Exit, feed: Feed, kills: int) -> None:
        if how.lost:  # whoever could have ended what the trainer left behind is gone, too
            clear_lost(self._directory, self._held.attempt)
        self._register(feed)
        outcome = judge(
            Evidence(
                exit=how,
                last_word=feed.last_word,
                cancel_requested=self._patiently(self._wish).stop,
                worker_stopping=self._worker_stopping.is_set(),
                killed_by_us=self._stop.killed,
                halt=self._halt,
                memory_kills=kills,
                log_tail=tuple(feed.log_tail),
            )
        )
        if isinstance(outcome, Interrupted):
            self._interrupt(outcome)
        else:
            self._settle(outcome)

    def _settle(self, outcome: Outcome) -> None:
        self._patiently(partial(lifecycle.settle, self._held, outcome))
        logger.info("Run %s: %s. %s", self._held.uid, outcome.status.label, outcome.message)

    def _interrupt(self, interrupted: Interrupted) -> None:
        held = self._held
        run = self._patiently(
            partial(
                lifecycle.lose,
                held.run_pk,
                held.attempt,
                held.worker,
                interrupted.cause,
                counts=interrupted.counts,
            )
        )
        logger.warning("Run %s: %s", held.uid, run.message if run else "it was not ours any more")

    def _sit_out(self, feed: Feed | None) -> None:
        """The database has been away for too long: stop the trainer, then wait without it."""
        logger.error("Run %s: the database is away; its trainer is stopped.", self._held.uid)
        self._halt_gently()
        if self._worker_stopping.is_set():
            return  # the lease runs out, and whoever looks then puts the run back into the queue
        self._patience = Patience(self._is_stopping, float("inf"))
        try:
            if feed:
                feed.wait_with(self._patience)
                feed.drain(self._tick)
                self._register(feed)
            self._interrupt(Interrupted(OUTAGE, counts=False))
        except LeaseLost as error:
            logger.warning("%s", error)
        except AWAY:
            logger.exception("Run %s is left to the next worker.", self._held.uid)

    def _halt_gently(self) -> None:
        trainer = self._trainer
        if trainer and trainer.exit is None:
            trainer.ask_to_stop()
            trainer.wait(CANCEL_GRACE_SECONDS)
        self._end()

    def _look_for_wishes(self, trainer: TrainerProcess) -> None:
        wish = self._patiently(self._wish)
        self._stop.consider(trainer, wish, worker_stopping=self._worker_stopping.is_set())

    def _look_for_stall(self, trainer: TrainerProcess, watch: StallWatch) -> None:
        self._halt = watch.look()
        if self._halt:
            logger.warning("Run %s: %s", self._held.uid, self._halt)
            trainer.show_stacks()
            trainer.wait(STACKS_SECONDS)
            trainer.kill()

    def _wish(self) -> leases.Wish:
        return leases.wish(self._held)

    def _register(self, feed: Feed) -> None:
        """Of a trainer that has ended: make the records of the files true, remove its drafts.

        What was not as recorded goes into the log.
        """
        held = self._held
        remove_unfinished(self._directory)
        remove_unfinished(self._directory / CHECKPOINT_DIR)
        found = partial(artifacts.register_all, held.run_pk, self._directory, self._tick)
        for sentence in self._patiently(found):
            logger.warning("Run %s: %s", held.uid, sentence)
            feed.add_note(sentence)
        feed.drain(self._tick)

    def _register_if_it_can_be(self, feed: Feed | None) -> None:
        """The same, of a run that ends because this supervisor met a fault."""
        try:
            if feed:
                self._register(feed)
        except Exception:
            logger.exception("Run %s: its files are not listed as they are.", self._held.uid)

    def _renew_lease(self) -> None:
        if not self._patiently(partial(leases.renew, self._held)):
            raise LeaseLost(f"Run {self._held.uid} was given to another worker or settled.")

    def _is_stopping(self) -> bool:
        """Asked after each failure of the database: to wait for it is no standing still."""
        VITALS.note(self._thread)
        return self._worker_stopping.is_set()

    def _tick(self) -> None:
        VITALS.note(self._thread)
        if self._is_due("lease", leases.renewal_seconds()):
            self._renew_lease()

    def _patiently(self, action: Callable[[], Answer]) -> Answer:
        return patiently(action, self._patience)

    def _is_due(self, duty: str, seconds: float) -> bool:
        now = time.monotonic()
        if now < self._due.get(duty, 0.0):
            return False
        self._due[duty] = now + seconds
        return True

    def _end(self) -> None:
        """Leave no process behind."""
        trainer = self._trainer
        if trainer and trainer.exit is None:
            trainer.kill()
            trainer.wait()


def _broken(error: Exception) -> Outcome:
    """The outcome of a run whose supervisor failed, which is not the run's own fault."""
    if isinstance(error, OSError) and is_disk_full(error):
        return Outcome(RunStatus.FAILED, Reason.DISK_FULL, SENTENCES[Reason.DISK_FULL])
    message = (
        f"The worker could not go on with this run: {type(error).__name__}: {error}. "
        "Go on with Resume or Clone; if it happens again, report it with the worker's log."
    )
    return Outcome(RunStatus.FAILED, Reason.BUG, message)
