"""A client that reads slowly makes the server wait, not fill its memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest

from aistempre.pacing import PacedResponses
from tests.infra.servers import daphne

CHUNK = b"x" * 65_536
CHUNKS = 1600
BUFFERS = 16_000_000
"""More than the kernel's socket buffers and Twisted's together; far less than the whole body."""

handed_on = 0


async def stream(scope: Any, receive: Any, send: Any) -> None:
    """Answers /count with the bytes handed to the server so far, and all else with 100 MB."""
    global handed_on
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/count":
        await send({"type": "http.response.body", "body": str(handed_on).encode()})
        return
    handed_on = 0
    for _ in range(CHUNKS):
        await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
        handed_on += len(CHUNK)
    await send({"type": "http.response.body", "body": b"end"})


application = PacedResponses(stream)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Daphne with the application above on a free port."""
    with daphne("tests.infra.test_pacing:application") as (free, _):
        yield free


def count(port: int) -> int:
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/count")
    return int(connection.getresponse().read())


def settled(port: int) -> int:
    """The count once it has not moved for half a second."""
    before = -1
    while (now := count(port)) != before:
        before = now
        time.sleep(0.5)
    return now


def test_the_server_waits_for_a_slow_client_and_then_sends_it_all(port: int) -> None:
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert 0 < settled(port) < BUFFERS
    assert answer.read() == CHUNK * CHUNKS + b"end"
    connection.request("GET", "/count")  # the same connection serves the next request
    assert int(connection.getresponse().read()) == len(CHUNK) * CHUNKS


def test_a_client_that_goes_away_frees_its_request(port: int) -> None:
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/")
    connection.getresponse().read(10)
    connection.close()
    assert settled(port) >= 0
    other = HTTPConnection("127.0.0.1", port)
    other.request("GET", "/")
    assert len(other.getresponse().read()) == len(CHUNK) * CHUNKS + 3
