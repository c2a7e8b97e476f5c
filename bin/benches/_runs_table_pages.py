"""Fills a database with runs and times pages of it: ``SIZES``; prints milliseconds as JSON."""

from __future__ import annotations

import json
import random
import statistics
import sys
import time

from django.db import connection
from django.test import Client

from benches._made_runs import list_runs
from runs_app.choices import RunStatus
from runs_app.forecasting.config.compose import compose_config
from runs_app.models import DataSet, TrainingRun

REPEATS = 15
PAGES = {
    "first page": "/runs",
    "filtered, by a metric": "/runs?status=completed&verdict=beats&sort=val_crps&dir=asc",
    "by a metric": "/runs?sort=val_loss&dir=asc",
    "search, limits and tag": "/runs?q=run+77&where=val_loss+%3C+1.5&tag=seed-7",
    "page in the middle": "/runs?page=150",
    "home": "/",
    "rows that live": "/runs/rows?newest=999999999&ids=",
}


def main(sizes: list[int]) -> None:
    """Times every page at each size, from the smallest."""
    chance = random.Random(7)
    data_set = DataSet.objects.create(name="bench", path="bench.csv", timeframe="1m", bars=1)
    config = compose_config({"data": {"source": data_set.path}}).model_dump(mode="json")
    found: dict[str, dict[str, float]] = {}
    made = 0
    for size in sizes:
        list_runs(range(made, size), config, data_set, chance)
        made = size
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("VACUUM ANALYZE")  # the server does so by itself in a while
        live = ",".join(
            TrainingRun.objects.filter(status=RunStatus.RUNNING).values_list("uid", flat=True)
        )
        found[str(size)] = {name: _milliseconds(page, live) for name, page in PAGES.items()}
    print(json.dumps(found))


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
