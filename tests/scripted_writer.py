"""The other side of ``tests.scripted``: a claim on a run, and the real recorder."""

from __future__ import annotations

import json
import math
import sys
from typing import Any

from django.db import close_old_connections, connection, transaction
from django.db.models import F
from django.utils import timezone

from runs_app.choices import EventKind, RunStatus
from runs_app.execution import lifecycle
from runs_app.execution.console import chunks
from runs_app.execution.leases import Claim, lease_end
from runs_app.execution.lifecycle import Outcome
from runs_app.execution.recorder import Batch, log_entry, record
from runs_app.execution.tail import Piece
from runs_app.execution.translation import Entry
from runs_app.forecasting.config.compose import compose_config
from runs_app.forecasting.events import Reason
from runs_app.models import RunEvent, TrainingRun
from runs_app.points.sealing import rebuild

FILL_ROWS = 20_000
WORKER = "elsewhere:1:scripted"


class Writer:
    """Holds one run and writes its events."""

    def __init__(self) -> None:
        config = compose_config({"data": {"source": "sample.csv"}, "model": {"variant": "tiny"}})
        run = TrainingRun.objects.create(
            name="scripted",
            config=config.model_dump(mode="json"),
            status=RunStatus.RUNNING,
            attempt=1,
            worker=WORKER,
            lease_until=lease_end(),
            started_at=timezone.now(),
        )
        self.uid = run.uid
        self._pk = run.pk
        self._attempt = 1
        self._line = 0

    def obey(self, order: dict[str, Any]) -> int:
        """Do what an order says; the run's newest ``seq``."""
        close_old_connections()
        TrainingRun.objects.filter(pk=self._pk).update(lease_until=lease_end())
        made: list[tuple[EventKind, dict[str, Any], dict[str, Any]]] = []
        if order["do"] == "say":
            return self._say("\n".join(order["lines"]).encode())
        if order["do"] == "steps":
            for step in range(order["first"], order["last"] + 1):
                loss = order["loss"]
                loss = loss if isinstance(loss, str) else loss / (1 + 0.02 * step)
                data = {"epoch": 1 + step // 50, "step": step, "train_loss": loss}
                made.append((EventKind.METRICS, data, data))
            if order["epoch"]:
                data = {"epoch": order["epoch"], "step": order["last"], "val_loss": order["loss"]}
                data |= {"val_da": 0.52, "val_nll": order["loss"], "train_loss": 0.4}
                made.append((EventKind.METRICS, data, data))
        elif order["do"] == "back":
            self._attempt, self._line = self._attempt + 1, 0
            TrainingRun.objects.filter(pk=self._pk).update(attempt=F("attempt") + 1)
            data = {"status": "running", "attempt": self._attempt, "back_to_step": order["step"]}
            made.append((EventKind.STATUS, data, {}))
        elif order["do"] == "fill":
            return self._fill(order["count"], order["spike"])
        elif order["do"] == "complete":
            ended = Outcome(RunStatus.COMPLETED, Reason.COMPLETED, "It came to its end.")
            lifecycle.settle(self._held, ended)
            return TrainingRun.objects.values_list("last_seq", flat=True).get(pk=self._pk)
        now = timezone.now()
        return record(self._held, Batch([(now, Entry(*entry)) for entry in made]))

    def _fill(self, count: int, spike: int) -> int:
        """So many steps straight into the table, and the curves' blocks made of them."""
        run = TrainingRun.objects.get(pk=self._pk)
        table, moment = RunEvent._meta.db_table, str(timezone.now().replace(tzinfo=None))
        insert = (
            f"INSERT INTO {table} (run_id, seq, attempt, kind, at, payload)"
            " VALUES (%s, %s, 1, 'metrics', %s, %s)"
        )
        for first in range(1, count + 1, FILL_ROWS):
            rows = []
            for step in range(first, min(first + FILL_ROWS, count + 1)):
                loss = 9.0 if step == spike else 1 / step + 0.1 * math.sin(step)
                payload = f'{{"epoch": 1, "step": {step}, "train_loss": {loss}, "grad_norm": 0.5}}'
                rows.append((self._pk, run.last_seq + step, moment, payload))
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.executemany(insert, rows)
        last = {"last_seq": run.last_seq + count, "step": count, "epoch": 1}
        TrainingRun.objects.filter(pk=self._pk).update(
            **last, metrics={"train_loss": 0.1, "grad_norm": 0.5, "step": count}
        )
        rebuild(self._pk)
        return last["last_seq"]

    def end(self) -> None:
        """End the run; else it is taken for lost in a minute, and waits before those of others."""
        if TrainingRun.objects.filter(pk=self._pk, status=RunStatus.RUNNING).exists():
            over = Outcome(RunStatus.CANCELLED, Reason.CANCELLED, "The test is over.")
            lifecycle.settle(self._held, over)

    @property
    def _held(self) -> Claim:
        return Claim(self._pk, self.uid, self._attempt, WORKER)

    def _say(self, data: bytes) -> int:
        entries = []
        for chunk in chunks(Piece(data, 0, len(data))):
            entries.append(log_entry(self._line + 1, chunk, "console"))
            self._line += chunk.count
        return record(self._held, Batch(entries))


def obey_all() -> None:
    """Obey orders, a line each, until there are no more; the first line said is the run's id."""
    writer = Writer()
    sys.stdout.write(f"{writer.uid}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(f"{writer.obey(json.loads(line))}\n")
        sys.stdout.flush()
    writer.end()
