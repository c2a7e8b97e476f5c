"""A browser's client, and runs in every state, made without the services."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from runs_app.choices import FINAL, EventKind, RunStatus
from runs_app.forecasting.config.compose import preset_tree
from runs_app.models import RunEvent, TrainingRun

MakeRun = Callable[..., TrainingRun]


@pytest.fixture
def browser() -> Client:
    """A client that asks for pages, as a browser does."""
    return Client(headers={"accept": "text/html,application/xhtml+xml"})


@pytest.fixture
def make_run(db: None) -> MakeRun:
    """Makes a stored run with a whole configuration; keywords are fields of the row."""

    def make(name: str = "a run", **fields: Any) -> TrainingRun:
        config = preset_tree("tiny", "student_t")
        config["data"]["source"] = "BTCUSDT_1m.csv"
        if fields.get("status", RunStatus.PENDING) != RunStatus.PENDING:
            fields.setdefault("started_at", timezone.now() - timedelta(minutes=2))
        if fields.get("status") in FINAL:
            fields.setdefault("finished_at", timezone.now())
        return TrainingRun.objects.create(name=name, config=config, **fields)

    return make


@pytest.fixture
def add_events() -> Callable[..., list[RunEvent]]:
    """Appends events to a run: pairs of kind and payload; moves ``last_seq`` on."""

    def add(run: TrainingRun, *events: tuple[EventKind, dict[str, Any]]) -> list[RunEvent]:
        rows = [
            RunEvent(
                run=run,
                seq=run.last_seq + number,
                attempt=run.attempt,
                kind=kind,
                at=timezone.now(),
                payload=payload,
            )
            for number, (kind, payload) in enumerate(events, start=1)
        ]
        RunEvent.objects.bulk_create(rows)
        run.last_seq += len(rows)
        run.save()
        return rows

    return add
