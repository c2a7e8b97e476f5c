"""Runs whose worker is gone go back to the queue, or end where that has happened too often."""

from __future__ import annotations

import logging

from runs_app.execution import leases, lifecycle, run_directory, worker_process
from runs_app.execution.leftovers import clear_lost
from runs_app.execution.slots import host_name
from runs_app.models import TrainingRun

logger = logging.getLogger(__name__)

ENDED = "The worker that trained this run ended in the middle of it."


def silent() -> str:
    """The sentence about a worker that was not heard of."""
    return (
        f"The worker that trained this run was not heard of for {leases.lease_seconds():g} seconds."
    )


def recover_lost() -> list[TrainingRun]:
    """Take every run from a worker that is gone; returns them as they stand now."""
    found = []
    for pk, attempt, worker in leases.running_on(host_name()):
        if worker_process.is_gone(worker):
            found.append(lifecycle.lose(pk, attempt, worker, ENDED))
    for pk, attempt, worker in leases.expired():
        found.append(lifecycle.lose(pk, attempt, worker, silent(), expired=True))
    lost = [run for run in found if run]
    for run in lost:
        logger.warning("Run %s: %s", run.uid, run.message)
        clear_lost(run_directory.path_of(run.uid), run.attempt)
    return lost
