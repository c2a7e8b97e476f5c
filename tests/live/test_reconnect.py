"""A viewer that is cut off or wrong gets everything once and in order, or a clear answer."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from contextlib import suppress
from typing import Any

import pytest
from django.db import OperationalError

from runs_app import consumers, log_lines
from runs_app.choices import EventKind
from runs_app.live import backlog, shared
from runs_app.live.payloads import hint
from runs_app.live.updates import read_update
from runs_app.models import RunEvent, TrainingRun
from tests.live.conftest import append, connected, end, later, numbers, socket

CUTS = 50
EVENTS = 400
LINES = 250
"""In each event: 10^5 lines in all."""


def flood(run: TrainingRun, first: int, count: int, lines: int = LINES) -> None:
    """Log events of many lines each, the line numbers dense over all of them."""
    for number in range(first, first + count):
        text = [f"{number}.{n} grüße" for n in range(lines)]
        append(run, line=number * lines + 1, count=lines, message="\n".join(text))


def stored_text(run: TrainingRun) -> str:
    rows = run.events.filter(kind=EventKind.LOG).order_by("seq")
    return "\n".join(row.payload["message"] for row in rows)


async def test_fifty_cuts_in_a_hundred_thousand_lines(run: TrainingRun) -> None:
    chance = random.Random(7)
    writing = asyncio.create_task(later(flood)(run, 0, EVENTS))
    seen: list[dict[str, Any]] = []
    for _ in range(CUTS):
        client = await connected(run, f"after={seen[-1]['seq'] if seen else 0}")
        with suppress(TimeoutError):
            async with asyncio.timeout(chance.uniform(0.01, 0.15)):
                while True:
                    seen.append(await client.receive_json_from(timeout=5))
        # The future inside was cancelled with the wait, so the client is only hung up.
        with suppress(asyncio.CancelledError):
            await client.disconnect()
    await writing
    await later(end)(run)
    client = await connected(run, f"after={seen[-1]['seq'] if seen else 0}")
    while not seen or seen[-1]["event_type"] != "status":
        seen.append(await client.receive_json_from(timeout=10))
    await client.disconnect()

    assert [message["seq"] for message in seen] == list(range(1, EVENTS + 2))
    logs = [message["data"] for message in seen[:-1]]
    line = 1
    for data in logs:
        assert (data["line"], data["count"]) == (line, LINES)
        line += data["count"]
    text = "\n".join(data["message"] for data in logs)
    want = await later(stored_text)(run)
    assert hashlib.sha256(text.encode()).digest() == hashlib.sha256(want.encode()).digest()
    assert text.count("\n") + 1 == EVENTS * LINES


async def test_a_number_beyond_the_end_is_told_apart_from_silence(run: TrainingRun) -> None:
    await later(append)(run, 3)
    client = await connected(run, "after=4")
    message = await client.receive_output(timeout=5)
    assert (message["type"], message["code"]) == ("websocket.close", consumers.BEYOND_END)
    assert message["reason"] == "after is 4, the newest event 3"
    await client.disconnect()
    at_the_end = await connected(run, "after=3")
    await later(append)(run)
    assert await numbers(at_the_end, 1) == [4]
    await at_the_end.disconnect()


@pytest.mark.parametrize("query", ["", "format=html"])
async def test_a_viewer_survives_the_database(
    run: TrainingRun, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.setattr(consumers, "FIRST_WAIT_SECONDS", 0.01)
    client = await connected(run, query)
    away = 5

    def gone(*_: object, **__: object) -> None:
        nonlocal away
        away -= 1
        if not away:
            monkeypatch.undo()
        raise OperationalError("server closed the connection unexpectedly")

    real = "take_update" if query else "take"
    assert hasattr(backlog.Backlog, real)
    monkeypatch.setattr(backlog.Backlog, "_read", gone)
    monkeypatch.setattr(shared, "read_update", gone)
    await later(append)(run, 3, announce=False)
    await later(append)(run, 1)

    if query:
        html = await client.receive_from(timeout=10)
        assert [f'data-seq="{number}"' in html for number in (1, 2, 3, 4)] == [True] * 4
    else:
        assert await numbers(client, 4) == [1, 2, 3, 4]
    assert away <= 0
    await client.disconnect()


async def test_a_page_that_cannot_be_rendered_now_gets_it_later(
    run: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "FIRST_WAIT_SECONDS", 0.01)
    real, failed = shared.render_update, []

    def fails_once(*arguments: Any) -> str:
        if not failed:
            failed.append(True)
            raise OperationalError("gone")
        return real(*arguments)

    monkeypatch.setattr(shared, "render_update", fails_once)
    await later(append)(run, 2)
    client = await connected(run, "format=html")
    assert 'data-seq="1"' in await client.receive_from(timeout=10)
    assert failed
    await client.disconnect()


async def test_a_long_absence_is_one_bounded_update(run: TrainingRun) -> None:
    await later(flood)(run, 0, 40)
    await later(append)(run, kind=EventKind.METRICS, epoch=1, step=1, train_loss=0.5)
    client = await connected(run, "format=html")
    html = await client.receive_from(timeout=10)
    assert html.count('class="log-line" data-seq') == log_lines.LOG_LINES
    assert f"… {10_000 - log_lines.LOG_LINES:,} lines not shown" in html
    assert "39.249" in html
    assert "{&quot;train_loss&quot;: 0.5}" in html
    assert await client.receive_nothing(timeout=0.2)
    await client.disconnect()


def test_lines_not_shown_are_counted_over_attempts(run: TrainingRun) -> None:
    flood(run, 0, 8)
    run.attempt = 2
    run.save()
    flood(run, 0, 8)
    run.refresh_from_db()
    log = log_lines.newest(run.pk, up_to=run.last_seq)
    kept = log_lines.LOG_LINES
    assert (len(log.lines), log.left_out) == (kept, 4000 - kept)
    log = log_lines.newest(run.pk, after=1, up_to=run.last_seq)
    assert (len(log.lines), log.left_out) == (kept, 3750 - kept)
    assert read_update(run.pk, run.uid, run.last_seq).is_empty


async def test_what_waits_for_one_viewer_is_bounded(run: TrainingRun) -> None:
    large = "x" * 60_000
    await later(append)(run, 60, announce=False, line=1, count=1, message=large)
    known = backlog.Backlog(run.pk, run.uid, after=0)
    events = await later(lambda: list(RunEvent.objects.filter(run=run).order_by("seq")))()
    small = [event for event in events if event.payload.update(message="y" * 50_000) is None]
    for event in small:
        known.hear(hint([event], run.uid))
    assert len(json.dumps(known._fresh)) < 2 * backlog.CHUNK_BYTES
    taken: list[int] = []
    while messages := await known.take():
        assert len(json.dumps(messages)) < 2 * backlog.CHUNK_BYTES
        taken += [message["seq"] for message in messages]
    assert taken == list(range(1, 61))


async def test_many_pages_in_a_flood_are_rendered_together(
    run: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, made = shared.render_update, []

    def counted(*arguments: Any) -> str:
        made.append(arguments[1].seq)
        return real(*arguments)

    monkeypatch.setattr(shared, "render_update", counted)
    await later(flood)(run, 0, 5)
    clients = [await connected(run, "format=html") for _ in range(10)]
    texts = [await client.receive_from(timeout=10) for client in clients]
    assert len(set(texts)) == len(set(made)) <= 2
    for client in clients:
        await client.disconnect()


async def test_who_comes_while_the_database_is_away_is_sent_away(
    run: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(_: str) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(consumers, "_find", gone)
    accepted, _ = await socket(run).connect(timeout=5)
    assert not accepted
