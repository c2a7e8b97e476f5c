"""Fills a running product for ``bin/bench pages``; prints the addresses' parts as JSON.

``python -m benches._pages_data TRAINED``: the public id of a run that was really trained.
"""

from __future__ import annotations

import json
import random
import sys

from benches._made_runs import Length, list_runs, long_run
from runs_app.choices import RunStatus
from runs_app.execution import lifecycle, notices
from runs_app.forecasting.config.document import validate
from runs_app.models import TrainingRun
from runs_app.services.trash import trash_run

LISTED = 10_000
WAITING = 200
TRASHED = 200
TOLD = 2000
COMPARED = 20
LONG = Length(steps=1_000_000, steps_per_epoch=10_000, console_lines=200_000)
SHORT = Length(steps=5_000, steps_per_epoch=100, console_lines=1000)
RATES = (1e-4, 2e-4, 5e-4, 1e-3)


def fill(trained_uid: str) -> dict[str, str]:
    """All rows and files; the queue must be paused, so that no worker takes what waits."""
    trained = TrainingRun.objects.get(uid=trained_uid)
    if trained.data_set is None:
        raise RuntimeError("the trained run has no data set")
    list_runs(range(LISTED), trained.config, trained.data_set, random.Random(7))
    ended = TrainingRun.objects.filter(status__in=(RunStatus.COMPLETED, RunStatus.FAILED))
    for run in ended.order_by("pk")[:TOLD]:
        notices.tell_end(run)
    for uid in ended.order_by("pk").values_list("uid", flat=True)[TOLD : TOLD + TRASHED]:
        trash_run(uid)
    for number in range(1, WAITING + 1):
        lifecycle.create_run(validate(trained.config), trained.request, f"waiting {number}")
    compared = [
        long_run(trained, f"seed {at}", SHORT, seed=at, learning_rate=RATES[at % len(RATES)])
        for at in range(COMPARED)
    ]
    long = long_run(trained, "a million steps", LONG)
    return {
        "trained": trained_uid,
        "long": long.uid,
        "two": ",".join(run.uid for run in compared[:2]),
        "twenty": ",".join(run.uid for run in compared),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(fill(sys.argv[1])) + "\n")
