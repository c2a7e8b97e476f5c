"""Wake a worker for a pending run. A lost wake-up costs time only: the sweep sends it again."""

from __future__ import annotations

import logging

from celery import current_app
from kombu.exceptions import OperationalError

from runs_app.execution import queue

logger = logging.getLogger(__name__)

RUN_TRAINING = "runs_app.run_training"
"""Name of the task in ``tasks.py``, which stands above this file and so is called by name."""

IMPORT_DATA = "runs_app.import_data"
"""The same for the task that reads candle files."""

DELIVER = "runs_app.deliver"
"""The same for the task that sends notifications outwards."""

EXPIRES_SECONDS = 60
"""An older message would only repeat what the sweep has sent since."""


def wake(run_pk: int) -> None:
    """Tell one worker that this run is waiting. Never raises when the broker is away."""
    try:
        current_app.send_task(RUN_TRAINING, args=[run_pk], expires=EXPIRES_SECONDS)
    except (OperationalError, OSError) as error:
        logger.warning("No worker could be woken for run %s yet: %s", run_pk, error)


def wake_import() -> None:
    """Tell one worker that candle files wait. Never raises when the broker is away."""
    try:
        current_app.send_task(IMPORT_DATA, expires=EXPIRES_SECONDS)
    except (OperationalError, OSError) as error:
        logger.warning("No worker could be woken to read candle files yet: %s", error)


def wake_deliveries() -> None:
    """Tell one worker that notifications wait to be sent. Never raises when the broker is away."""
    try:
        current_app.send_task(DELIVER, expires=EXPIRES_SECONDS)
    except (OperationalError, OSError) as error:
        logger.warning("No worker could be woken to send notifications yet: %s", error)


def wake_oldest(count: int = 1) -> int:
    """Wake a worker for each of the ``count`` first waiting runs; returns how many there were."""
    waiting = list(queue.waiting().values_list("pk", flat=True)[:count])
    for run_pk in waiting:
        wake(run_pk)
    return len(waiting)
