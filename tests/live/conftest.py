"""The real ASGI application on a real Valkey server, and runs whose events are real rows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator
from django.db import close_old_connections, transaction
from pytest_django import Settings

from aistempre.asgi import application
from runs_app.choices import EventKind, RunStatus
from runs_app.live.publish import publish
from runs_app.models import RunEvent, TrainingRun
from tests.factories import MOMENT, make_running_run

HOST = (b"host", b"127.0.0.1:8000")


@pytest.fixture(autouse=True)
def _servers(
    valkey: str, transactional_db: None, coroutine_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Channels' client replaces this while it waits; where several wait at once, it stays replaced.
    monkeypatch.setattr("channels.db.close_old_connections", close_old_connections)


@pytest.fixture
def run() -> TrainingRun:
    """A running run without events."""
    return make_running_run()


def append(
    run: TrainingRun,
    events_made: int = 1,
    /,
    *,
    kind: EventKind = EventKind.LOG,
    announce: bool = True,
    **payload: Any,
) -> list[RunEvent]:
    """Store so many events as the recorder does, and tell the viewers unless told not to."""
    with transaction.atomic():
        run.refresh_from_db()
        events = [
            RunEvent(
                run=run,
                seq=run.last_seq + number,
                attempt=run.attempt,
                kind=kind,
                at=MOMENT,
                payload=payload or {"line": number, "count": 1, "message": f"line {number}"},
            )
            for number in range(1, events_made + 1)
        ]
        RunEvent.objects.bulk_create(events)
        run.last_seq += events_made
        run.save()
        if announce:
            transaction.on_commit(partial(publish, run, events))
    return events


@pytest.fixture
def runs_root(tmp_path: Path, settings: Settings) -> Path:
    """An empty folder for run directories."""
    settings.RUNS_ROOT = tmp_path / "runs"
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


def end(run: TrainingRun, status: RunStatus = RunStatus.COMPLETED) -> None:
    """End the run with its final status event."""
    TrainingRun.objects.filter(pk=run.pk).update(status=status)
    append(run, kind=EventKind.STATUS, status=str(status))


later: Callable[..., Any] = database_sync_to_async
"""Calls one of the functions above from a coroutine: ``await later(append)(run)``."""


def socket(
    run: TrainingRun | str, query: str = "", headers: tuple[tuple[bytes, bytes], ...] = (HOST,)
) -> WebsocketCommunicator:
    """A client of the run's stream, not connected yet."""
    uid = run if isinstance(run, str) else run.uid
    return WebsocketCommunicator(application, f"/runs/{uid}/stream?{query}", headers=list(headers))


async def connected(run: TrainingRun, query: str = "") -> WebsocketCommunicator:
    """A connected client."""
    client = socket(run, query)
    accepted, _ = await client.connect(timeout=5)
    assert accepted
    return client


async def close_code(client: WebsocketCommunicator) -> int:
    """The code with which the server closes now."""
    message = await client.receive_output(timeout=5)
    assert message["type"] == "websocket.close"
    await client.disconnect()
    return int(message["code"])


async def attempt_of(client: WebsocketCommunicator) -> tuple[bool, int | None]:
    """Whether a client was let in, and with which code it was refused; hangs up again."""
    accepted, code = await client.connect(timeout=5)
    await client.disconnect()
    return accepted, None if accepted else code


async def numbers(client: WebsocketCommunicator, count: int) -> list[int]:
    """The ``seq`` of the next ``count`` messages."""
    return [(await client.receive_json_from(timeout=5))["seq"] for _ in range(count)]
