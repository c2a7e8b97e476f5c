"""Wake a worker for a pending run. A lost wake-up costs time only: the sweep sends it again."""

from __future__ import annotations

from runs_app.execution import messages, queue

RUN_TRAINING = "runs_app.run_training"
"""Name of the task in ``tasks.py``, which stands above this file and so is called by name."""

IMPORT_DATA = "runs_app.import_data"
"""The same for the task that reads candle files."""

DELIVER = "runs_app.deliver"
"""The same for the task that sends notifications outwards."""


def wake(run_pk: int) -> None:
    """Tell one worker that this run is waiting. Never raises when the broker is away."""
    messages.send(RUN_TRAINING, run_pk)


def wake_import() -> None:
    """Tell one worker that candle files wait. Never raises when the broker is away."""
    messages.send(IMPORT_DATA)


def wake_deliveries() -> None:
    """Tell one worker that notifications wait to be sent. Never raises when the broker is away."""
    messages.send(DELIVER)


def wake_oldest(count: int = 1) -> int:
    """Wake a worker for each of the ``count`` first waiting runs; returns how many there were."""
    waiting = list(queue.waiting().values_list("pk", flat=True)[:count])
    for run_pk in waiting:
        wake(run_pk)
    return len(waiting)
