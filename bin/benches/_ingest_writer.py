"""One writer of ``bin/bench ingest``: stores the events of a run that a trainer has written.

``python -m benches._ingest_writer make EVENTS`` prints the number of a new running run whose
directory holds so many step events; ``store NUMBER EVENTS`` waits for a line on stdin and stores
them all by the worker's own feed.
"""

from __future__ import annotations

import sys

from benches import _django  # noqa: F401 - the models below need the application registry
from runs_app.execution import lifecycle, run_directory
from runs_app.execution.feed import Feed
from runs_app.execution.leases import Claim
from runs_app.execution.patience import Patience
from runs_app.forecasting.config.compose import compose_config
from runs_app.forecasting.events import EVENTS_FILE, StepTaken, to_line
from runs_app.models import TrainingRun

WORKER = "bench"


def make(events: int) -> int:
    """A claimed run with its events; returns its key."""
    run = lifecycle.create_run(compose_config({"data": {"source": "none.csv"}}), {})
    if lifecycle.claim(run.pk, WORKER) is None:
        raise RuntimeError("the run could not be claimed")
    lines = (
        to_line(
            StepTaken(
                epoch=1 + n // 1000, step=n, train_loss=1 / n, learning_rate=2e-4, grad_norm=0.5
            )
        )
        for n in range(1, events + 1)
    )
    (run_directory.path_of(run.uid) / EVENTS_FILE).write_bytes(b"".join(lines))
    return run.pk


def store(run_pk: int, events: int) -> int:
    """Store every event of the run; returns how many there are. Raises where one is missing."""
    run = TrainingRun.objects.get(pk=run_pk)
    held = Claim(run.pk, run.uid, run.attempt, WORKER)
    feed = Feed(held, run_directory.path_of(run.uid), Patience(lambda: False))
    print("ready", flush=True)
    sys.stdin.readline()
    feed.drain()
    stored = run.events.filter(kind="metrics").count()
    if stored != events:
        raise RuntimeError(f"{stored} of {events} events were stored")
    return stored


if __name__ == "__main__":
    word, *numbers = sys.argv[1:]
    print(make(int(numbers[0])) if word == "make" else store(*map(int, numbers)), flush=True)
