"""The web process ends soon after it is asked to, whatever its requests do."""

from __future__ import annotations

import asyncio
import time
from http.client import HTTPConnection
from typing import Any

import psutil
import pytest
from asgiref.sync import async_to_sync, sync_to_async

from aistempre.ending import END_SECONDS, install
from launcher.processes import GRACE_SECONDS
from tests.infra.servers import daphne

pytestmark = pytest.mark.slow

SLEEP_SECONDS = 120.0
SHORT_SECONDS = 1.0


def _waits_for_the_loop() -> None:
    time.sleep(SHORT_SECONDS)
    async_to_sync(asyncio.sleep)(0)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """A request whose thread sleeps, or one whose thread asks the loop once it has stopped."""
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"o", "more_body": True})
    if scope["path"] == "/sleeps":
        await sync_to_async(time.sleep)(SLEEP_SECONDS)
    else:
        await sync_to_async(_waits_for_the_loop)()
    await send({"type": "http.response.body", "body": b"k"})


if __name__ != "__main__":
    install()


@pytest.mark.parametrize("path", ["/sleeps", "/waits"])
def test_a_request_at_work_does_not_keep_it(path: str) -> None:
    with daphne("tests.infra.test_ending:application") as (port, process):
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", path)
        assert connection.getresponse().read(1) == b"o"
        process.terminate()
        try:
            process.wait(2 * END_SECONDS)
        except psutil.TimeoutExpired:
            process.kill()
            pytest.fail("it still runs")


def test_it_ends_before_the_launcher_would_kill_it() -> None:
    assert END_SECONDS < GRACE_SECONDS


def test_without_requests_it_ends_at_once() -> None:
    with daphne("tests.infra.test_ending:application") as (_, process):
        process.terminate()
        process.wait(END_SECONDS - 1)
