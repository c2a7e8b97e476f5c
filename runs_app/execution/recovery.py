"""Runs whose worker is gone go back to the queue, or end where that has happened too often.

Whoever notices takes the claim over first. From then on nobody else writes the attempt, so that
what its trainer had written can be read out to its last line before the run leaves it.
"""

from __future__ import annotations

import logging
from functools import partial

from runs_app.execution import artifacts, leases, lifecycle, run_directory, worker_process
from runs_app.execution.feed import Feed
from runs_app.execution.leases import Claim, LeaseLost, Lost
from runs_app.execution.leftovers import clear_lost
from runs_app.execution.lifecycle import Outcome
from runs_app.execution.outcome import said_last
from runs_app.execution.patience import Patience
from runs_app.models import TrainingRun

logger = logging.getLogger(__name__)


def recover_lost() -> list[TrainingRun]:
    """Take every run from a worker that is gone; returns them as they stand now."""
    found = [_recover(one) for one in leases.find_lost(leases.running())]
    lost = [run for run in found if run]
    for run in lost:
        logger.warning("Run %s: %s", run.uid, run.message)
    return lost


def _recover(lost: Lost) -> TrainingRun | None:
    held = leases.take_over(
        lost.pk, lost.attempt, lost.worker, worker_process.own_name(), expired=lost.silent
    )
    if held is None:
        return None
    clear_lost(run_directory.path_of(held.uid), lost.attempt)
    try:
        ended = _read_out(held)
    except LeaseLost as error:
        logger.warning("%s", error)
        return None
    except OSError as error:
        logger.warning("Run %s: what it wrote cannot be read out: %s", held.uid, error)
        ended = None
    if ended:
        return lifecycle.settle(held, ended)
    cause = f"The worker that trained this run {lost.how}"
    return lifecycle.lose(lost.pk, lost.attempt, held.worker, cause)


def _read_out(held: Claim) -> Outcome | None:
    """Store what the trainer wrote last; the outcome where it says that it had come to its end.

    A database that goes away meanwhile is not waited for: the lease runs out, and the next look
    goes on from there.
    """
    directory = run_directory.path_of(held.uid)
    if not directory.is_dir():
        return None
    feed = Feed(held, directory, Patience(lambda: True))
    try:
        feed.drain(partial(leases.renew, held))
        ended = said_last(feed.word_left())
    finally:
        feed.close()
    # Also of a run that goes on: it may be cancelled while it waits, and then nobody looks again.
    tick = partial(leases.renew, held)
    for sentence in artifacts.register_all(held.run_pk, directory, tick):
        logger.warning("Run %s: %s", held.uid, sentence)
    return ended
