"""One measurement of ``bin/bench history``: stores a run of so many points and reads its curve."""

from __future__ import annotations

import json
import math
import sys
import time
from datetime import UTC, datetime, timedelta

from django.db.models import Sum
from django.db.models.functions import Length
from django.test import Client

from benches import _django  # noqa: F401 - the models below need the application registry
from runs_app.choices import EventKind, RunStatus
from runs_app.curve_block import CurveBlock
from runs_app.execution.leases import Claim, lease_end
from runs_app.execution.recorder import Batch, record
from runs_app.execution.translation import Entry
from runs_app.forecasting.config.compose import compose_config
from runs_app.models import TrainingRun

ROUNDS = 15
BATCH = 5_000
SPIKE = 77_777
START = datetime(2026, 1, 1, tzinfo=UTC)


def store(points: int) -> TrainingRun:
    """A running run with a training loss at so many steps."""
    config = compose_config({"data": {"source": "none.csv"}}).model_dump(mode="json")
    run = TrainingRun.objects.create(
        config=config, status=RunStatus.RUNNING, attempt=1, worker="bench", lease_until=lease_end()
    )
    held = Claim(run.pk, run.uid, 1, "bench")
    back = {"status": "running", "back_to_step": 0}
    record(held, Batch([(START, Entry(EventKind.STATUS, back))]))
    for first in range(1, points + 1, BATCH):
        entries = []
        for step in range(first, min(first + BATCH, points + 1)):
            loss = 9.0 if step == SPIKE else 1 / step + 0.1 * math.sin(step)
            payload = {"epoch": 1 + step // 1000, "step": step, "train_loss": loss}
            entries.append((START + timedelta(seconds=step), Entry(EventKind.METRICS, payload)))
        record(held, Batch(entries))
    run.refresh_from_db()
    return run


def main(points: int) -> None:
    """Print the times in milliseconds as JSON."""
    run = store(points)
    client = Client(headers={"accept": "application/json", "host": "127.0.0.1"})
    address = f"/api/runs/{run.uid}/points?metric=train_loss&width=2000"
    windows = {
        "whole": "",
        "tenth": f"&from={points * 0.7:.0f}&to={points * 0.8:.0f}",
        "hundredth": f"&from={SPIKE - points // 200}&to={SPIKE + points // 200}",
    }
    times: dict[str, float] = {}
    for name, window in windows.items():
        taken = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            answer = client.get(address + window)
            body = answer.content
            taken.append((time.perf_counter() - began) * 1000)
        values = json.loads(body)["curves"][0]["value"]
        spiky = name != "tenth" or points * 0.7 <= SPIKE <= points * 0.8
        if answer.status_code != 200 or len(values) > 4002 or spiky != (max(values) == 9.0):
            raise RuntimeError(f"{name}: {answer.status_code}, {len(values)} values")
        times[name] = min(taken)
    began = time.perf_counter()
    rows = run.events.filter(kind=EventKind.METRICS).order_by("seq").values_list("seq", "payload")
    losses = [payload["train_loss"] for _, payload in rows.iterator(chunk_size=5000)]
    if len(losses) != points:
        raise RuntimeError(f"{len(losses)} rows were read")
    times["rows"] = (time.perf_counter() - began) * 1000
    kept = CurveBlock.objects.filter(run=run).aggregate(size=Sum(Length("points")))["size"]
    stored = run.events.aggregate(size=Sum(Length("payload")))["size"]
    times["share"] = 100 * kept / stored
    sys.stdout.write(json.dumps(times) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
