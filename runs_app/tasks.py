"""Celery tasks. A message carries a run's number and only wakes: the queue is the database."""

from __future__ import annotations

import logging
import threading
from functools import cache
from typing import Any

from celery import shared_task
from celery.signals import worker_init, worker_ready, worker_shutting_down
from django.conf import settings
from django.db import connection

from runs_app.execution import (
    deliveries,
    dispatch,
    fetching,
    job_claims,
    jobs,
    queue,
    trash,
    uploading,
    vitals,
    wakeups,
)
from runs_app.execution.intake import data_waits, import_waiting
from runs_app.execution.patience import AWAY
from runs_app.execution.pulse import Pulse
from runs_app.execution.recovery import recover_lost
from runs_app.execution.schema import wait_for_migrations
from runs_app.execution.supervisor import Supervisor
from runs_app.execution.trainer_process import TrainerServer
from runs_app.forecasting.cores import threads_for

logger = logging.getLogger(__name__)

STOPPING = threading.Event()
"""Set when this worker was asked to end."""

ONE_JOB = threading.Lock()
ONE_FETCH = threading.Lock()
"""A fetch waits for its exchange most of the time and must not hold back what takes seconds."""

SWEEP_WAKES = 10
_IMPORTING = threading.Lock()
_DELIVERING = threading.Lock()


@shared_task(name=wakeups.RUN_TRAINING, ignore_result=True, acks_late=False)
def run_training(run_pk: int) -> None:
    """Train the longest waiting run, if this host has a free slot.

    ``run_pk`` is the run that was made when the message was sent. A message for a run that is not
    pending any more does nothing; one that comes while older runs wait serves the oldest.
    """
    pulse().hear()
    if queue.waiting().filter(pk=run_pk).exists():
        train_next()


def train_next() -> None:
    """Train the first run in the queue, if this host has the slots free; returns at its end."""
    if STOPPING.is_set():
        return
    taken = dispatch.take_next()
    if taken is None:
        return  # whoever holds a slot wakes the next waiting run when the slot is free again
    held = taken.held
    try:
        names = ", ".join(taken.slots.names)
        logger.info("Run %s: attempt %d on slot %s.", held.uid, held.attempt, names)
        Supervisor(held, taken.slots, trainer_server(), STOPPING).run()
    finally:
        dispatch.give_back(taken)
        if not STOPPING.is_set():
            jobs.wake_rehearsals()  # short, and somebody waits before a form for them
            wakeups.wake_oldest()


@shared_task(name="runs_app.sweep", ignore_result=True)
def sweep() -> None:
    """Take up what lost workers left, and wake workers again for runs that wait."""
    pulse().hear()
    try:
        _sweep()
    except AWAY as error:
        logger.warning("Nothing was swept, the database is away: %s", error)
        connection.close()


def _sweep() -> None:
    recover_lost()
    wakeups.wake_oldest(SWEEP_WAKES)
    jobs.settle_lost()
    jobs.wake_waiting(SWEEP_WAKES)
    jobs.wake_rehearsals()
    trash.tidy()
    fetching.forget_old()
    uploading.remove_leftovers()
    if data_waits():
        wakeups.wake_import()
    deliveries.forget_old()
    if deliveries.is_due():
        wakeups.wake_deliveries()


@shared_task(name=wakeups.IMPORT_DATA, ignore_result=True)
def import_data() -> None:
    """Read the candle files that wait, one at a time: each may take gigabytes while it is read."""
    if _IMPORTING.acquire(blocking=False):
        try:
            import_waiting()
        finally:
            _IMPORTING.release()


@shared_task(name=wakeups.DELIVER, ignore_result=True)
def deliver() -> None:
    """Send the notifications that are due, one after the other."""
    if _DELIVERING.acquire(blocking=False):
        try:
            deliveries.send_due()
        finally:
            _DELIVERING.release()


@shared_task(name=jobs.CARRY_OUT, ignore_result=True, acks_late=False)
def carry_out(job_pk: int) -> None:
    """Do a job that waits; a message for any other does nothing.

    One at a time in this worker, because each may take gigabytes; whoever has done one wakes the
    longest waiting. A rehearsal has a slot for that, and then gives way to the next run.
    """
    if not STOPPING.is_set() and jobs.needs_slot(job_pk):
        if jobs.rehearse(job_pk):
            jobs.wake_rehearsals()
            wakeups.wake_oldest()
        return
    lock = ONE_FETCH if jobs.is_fetch(job_pk) else ONE_JOB
    if STOPPING.is_set() or not lock.acquire(blocking=False):
        return
    try:
        jobs.carry_out(job_pk)
    finally:
        lock.release()
        if not STOPPING.is_set():
            jobs.wake_waiting(1)


@cache
def trainer_server() -> TrainerServer:
    """The fork server of this worker process."""
    return TrainerServer(threads=threads_for(settings.RUN_SLOTS))


@cache
def pulse() -> Pulse:
    """What this worker process does unasked."""
    return Pulse(train_next, STOPPING)


@worker_init.connect
def _wait_for_tables(**_: Any) -> None:
    """Messages and runs are taken once the database is as this code expects it."""
    vitals.watch(settings.ENV.run_directory)
    wait_for_migrations()


@worker_ready.connect
def _load_torch_early(**_: Any) -> None:
    """Five seconds of imports belong to the start of the worker, not to the first run."""
    trainer_server().start()
    pulse().start()


@worker_shutting_down.connect
def _stop_trainers(**_: Any) -> None:
    """A warm shutdown waits for the tasks; each of them stops what it works on."""
    STOPPING.set()
    job_claims.ENDING.set()
