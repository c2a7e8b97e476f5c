"""Fills a database with runs and times pages of it: ``SIZES``; prints milliseconds as JSON."""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.test import Client

import benches._django  # noqa: F401
from runs_app.choices import RunStatus
from runs_app.forecasting.config.compose import compose_config
from runs_app.models import DataSet, TrainingRun

REPEATS = 15
AT_ONCE = 2000
START = datetime(2026, 1, 1, tzinfo=UTC)
PAGES = {
    "first page": "/runs",
    "filtered, by a metric": "/runs?status=completed&verdict=beats&sort=val_crps&dir=asc",
    "by a metric": "/runs?sort=val_loss&dir=asc",
    "search, limits and tag": "/runs?q=run+77&where=val_loss+%3C+1.5&tag=seed-7",
    "page in the middle": "/runs?page=150",
    "home": "/",
    "rows that live": "/runs/rows?newest=999999999&ids=",
}
STATES = (RunStatus.COMPLETED, RunStatus.COMPLETED, RunStatus.COMPLETED, RunStatus.FAILED,
          RunStatus.CANCELLED)  # fmt: skip


def main(sizes: list[int]) -> None:
    """Times every page at each size, from the smallest."""
    chance = random.Random(7)
    data_set = DataSet.objects.create(name="bench", path="bench.csv", timeframe="1m", bars=1)
    config = compose_config({"data": {"source": data_set.path}}).model_dump(mode="json")
    found: dict[str, dict[str, float]] = {}
    made = 0
    for size in sizes:
        while made < size:
            rows = [_run(made + one, config, data_set, chance) for one in range(AT_ONCE)]
            TrainingRun.objects.bulk_create(rows)
            made += len(rows)
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("VACUUM ANALYZE")  # the server does so by itself in a while
        live = ",".join(
            TrainingRun.objects.filter(status=RunStatus.RUNNING).values_list("uid", flat=True)
        )
        found[str(size)] = {name: _milliseconds(page, live) for name, page in PAGES.items()}
    print(json.dumps(found))


def _run(number: int, config: dict[str, Any], data_set: DataSet, chance: random.Random) -> Any:
    status = RunStatus.RUNNING if number < 4 else chance.choice(STATES)
    judged = status == RunStatus.COMPLETED
    figures = {
        name: chance.lognormvariate(0, 0.3) for name in ("train_loss", "val_loss", "val_nll")
    }
    scores = {"val_crps": chance.random() / 100, "val_da": chance.uniform(0.48, 0.53)}
    started = START + timedelta(minutes=number)
    return TrainingRun(
        name=f"run {number} of a sweep", status=status, config=config, data_set=data_set,
        preset="tiny", tags=f",seed-{number % 10},sweep,", epoch=20, step=number,
        request={"data_source": data_set.path}, best_val_loss=figures["val_loss"],
        metrics={**figures, **scores, "steps_per_epoch": 100, "eta_seconds": 60.0,
                 "baselines": {name: dict(figures) for name in ("garch", "ewma", "constant")}},
        outcome=chance.choice(("beats", "ties", "loses")) if judged else "",
        verdict={"sentence": "It beats GARCH(1,1)-t on the test part.", "pad": "x" * 2000}
        if judged else None,
        leaks={"passed": True, "findings": [], "seconds": 1.0} if judged else None,
        skill=chance.uniform(-0.1, 0.1) if judged else None,
        started_at=started, seconds=600.0, size_bytes=number * 1000, attempt=1,
        finished_at=None if number < 4 else started + timedelta(minutes=10), **figures, **scores,
    )  # fmt: skip


def _milliseconds(page: str, live: str) -> float:
    browser = Client(headers={"accept": "text/html", "host": "127.0.0.1"})
    address = page + live if page.endswith("ids=") else page
    taken = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        answer = browser.get(address)
        taken.append(1000 * (time.perf_counter() - began))
        if answer.status_code != 200:
            raise RuntimeError(f"{address} answers {answer.status_code}")
    return statistics.median(taken)


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]])
