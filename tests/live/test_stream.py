"""A viewer's stream: replay, live, no hole, nothing twice, an end, and who may listen."""

from __future__ import annotations

import asyncio

import pytest
from channels.testing import WebsocketCommunicator

from aistempre.asgi import application
from runs_app import consumers
from runs_app.choices import EventKind, RunStatus
from runs_app.live import backlog
from runs_app.live.payloads import hint
from runs_app.live.publish import publish
from runs_app.models import TrainingRun
from tests.live.conftest import (
    HOST,
    append,
    attempt_of,
    close_code,
    connected,
    end,
    later,
    numbers,
    socket,
)


async def test_a_message_says_what_the_api_promises(run: TrainingRun) -> None:
    client = await connected(run)
    await later(append)(run, kind=EventKind.METRICS, epoch=1, val_loss="NaN")

    assert await client.receive_json_from(timeout=5) == {
        "event_type": "metrics",
        "run_id": run.uid,
        "seq": 1,
        "attempt": 1,
        "timestamp": "2026-01-02T03:04:05.000Z",
        "data": {"epoch": 1, "val_loss": "NaN"},
    }
    await client.disconnect()


@pytest.mark.parametrize("path", ["/", "/runs", "/runs/a/b/stream", "/else?after=1"])
async def test_any_other_address_is_refused_in_the_handshake(path: str) -> None:
    client = WebsocketCommunicator(application, path, headers=[HOST])
    accepted, code = await attempt_of(client)
    assert (accepted, code) == (False, consumers.UNKNOWN_RUN)


async def test_replay_then_live(run: TrainingRun) -> None:
    await later(append)(run, 3)
    client = await connected(run)
    assert await numbers(client, 3) == [1, 2, 3]

    await later(append)(run, 2)

    assert await numbers(client, 2) == [4, 5]
    assert await client.receive_nothing(timeout=0.1)
    await client.disconnect()


async def test_a_returning_viewer_names_what_it_saw(run: TrainingRun) -> None:
    await later(append)(run, 5)
    client = await connected(run, "after=3")

    assert await numbers(client, 2) == [4, 5]
    await client.disconnect()


async def test_a_long_history_comes_in_pieces(
    run: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "CHUNK", 10)
    await later(append)(run, 95)
    client = await connected(run)

    assert await numbers(client, 95) == list(range(1, 96))
    await client.disconnect()


async def test_a_hole_is_read_from_the_database(run: TrainingRun) -> None:
    client = await connected(run)
    await later(append)(run, 2)
    assert await numbers(client, 2) == [1, 2]

    await later(append)(run, 3, announce=False)
    await later(append)(run, 1)

    assert await numbers(client, 4) == [3, 4, 5, 6]
    await client.disconnect()


async def test_hints_twice_and_out_of_order_send_each_event_once(run: TrainingRun) -> None:
    client = await connected(run)
    events = await later(append)(run, 6, announce=False)
    for part in (events[3:], events[:3], events, events[1:2]):
        await later(publish)(run, part)

    assert await numbers(client, 6) == [1, 2, 3, 4, 5, 6]
    assert await client.receive_nothing(timeout=0.2)
    await client.disconnect()


async def test_a_batch_too_large_for_a_hint_arrives_whole(run: TrainingRun) -> None:
    client = await connected(run)
    await later(append)(run, 40, message="x" * 4000)

    assert await numbers(client, 40) == list(range(1, 41))
    await client.disconnect()


async def test_lost_hints_only_delay(run: TrainingRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "LOOK_SECONDS", 0.2)
    client = await connected(run)
    await later(append)(run, 2, announce=False)

    assert await numbers(client, 2) == [1, 2]
    await client.disconnect()


async def test_the_stream_ends_with_the_run(run: TrainingRun) -> None:
    client = await connected(run)
    await later(append)(run, 2)
    await later(end)(run)

    assert await numbers(client, 3) == [1, 2, 3]
    assert await close_code(client) == 1000


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.CANCELLED])
async def test_an_ended_run_is_replayed_and_closed(run: TrainingRun, status: RunStatus) -> None:
    await later(append)(run, 4)
    await later(end)(run, status)
    client = await connected(run, "after=2")

    assert await numbers(client, 3) == [3, 4, 5]
    assert await close_code(client) == 1000


async def test_a_viewer_that_has_seen_everything_is_closed_at_once(run: TrainingRun) -> None:
    await later(end)(run)
    client = await connected(run, "after=1")

    assert await close_code(client) == 1000


async def test_many_viewers_see_the_same(run: TrainingRun) -> None:
    clients = [await connected(run) for _ in range(20)]
    await later(append)(run, 3)
    await later(end)(run)

    seen = await asyncio.gather(*(numbers(client, 4) for client in clients))

    assert seen == [[1, 2, 3, 4]] * 20
    for client in clients:
        assert await close_code(client) == 1000


async def test_html_is_rendered_from_the_pages_own_partials(run: TrainingRun) -> None:
    client = await connected(run, "format=html")
    await later(append)(run, kind=EventKind.METRICS, epoch=3, step=30, train_loss=0.125)

    html = await client.receive_from(timeout=5)

    assert "hx-partial" in html
    await client.disconnect()


async def test_an_unknown_run_is_refused() -> None:
    assert await attempt_of(socket("nosuchrun")) == (False, 4404)


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "9" * 30, "%C2%B2"])
async def test_a_senseless_number_is_refused(run: TrainingRun, after: str) -> None:
    accepted, _ = await attempt_of(socket(run, f"after={after}"))

    assert not accepted


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        (b"http://127.0.0.1:8000", True),
        (b"http://evil.example", False),
        (b"http://127.0.0.1:8001", False),
        (b"http://127.0.0.1", False),
        (b"null", False),
        (b"", False),
        (b"file://", False),
        (b"http://127.0.0.1:8000.evil.example", False),
        (b"http://127.0.0.1:8000@evil.example", False),
    ],
)
async def test_only_our_own_pages_may_listen(
    run: TrainingRun, origin: bytes | None, allowed: bool
) -> None:
    headers = (HOST,) if origin is None else (HOST, (b"origin", origin))

    accepted, _ = await attempt_of(socket(run, headers=headers))

    assert accepted is allowed


async def test_a_rebound_host_name_is_refused(run: TrainingRun) -> None:
    evil = b"evil.example:8000"
    headers = ((b"host", evil), (b"origin", b"http://" + evil))

    accepted, _ = await attempt_of(socket(run, headers=headers))

    assert not accepted


async def test_what_a_viewer_says_is_ignored_until_it_is_too_much(run: TrainingRun) -> None:
    client = await connected(run)
    await client.send_to(text_data="hello")
    await client.send_to(bytes_data=b"\x00")
    await later(append)(run)
    assert await numbers(client, 1) == [1]

    await client.send_to(text_data="x" * (64 * 1024 + 1))

    assert await close_code(client) == 1009


async def test_a_hint_beyond_a_hole_is_not_taken_for_the_next(run: TrainingRun) -> None:
    events = await later(append)(run, 6, announce=False)
    known = backlog.Backlog(run.pk, run.uid, after=2)

    known.hear(hint(events[5:], run.uid))

    assert [message["seq"] for message in await known.take()] == [3, 4, 5, 6]


async def test_hints_that_overlap_are_joined(run: TrainingRun) -> None:
    events = await later(append)(run, 6, announce=False)
    known = backlog.Backlog(run.pk, run.uid, after=2)

    known.hear(hint(events[1:3], run.uid))
    known.hear(hint(events[2:5], run.uid))

    assert [message["seq"] for message in await known.take()] == [3, 4, 5]
