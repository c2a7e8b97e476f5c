"""A large body waits in its file, and one that is too large is refused before it fills the disk."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import psutil
import pytest

from aistempre.bodies import StreamedBodies, install
from tests.infra.servers import daphne

LIMIT = 300_000_000
BODY = 256 * 1024**2
CHUNK = b"x" * 1024**2
GROWTH = 60_000_000
"""Far less than the body."""


async def measure(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the bytes received, and how much the process grew while they came."""
    if scope["type"] != "http":
        return
    own = psutil.Process()
    before = peak = own.memory_info().rss
    size = pieces = 0
    while True:
        message = await receive()
        size += len(message.get("body", b""))
        pieces += 1
        peak = max(peak, own.memory_info().rss)
        if not message.get("more_body"):
            break
    text = json.dumps({"size": size, "pieces": pieces, "grown": peak - before}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": text})


application = StreamedBodies(measure)
if __name__ != "__main__":
    install(LIMIT)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[int, psutil.Process]]:
    """Daphne with the application above; its port and its process."""
    with daphne("tests.infra.test_bodies:application") as serving:
        yield serving


def ask(port: int, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/", body=body, headers=headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text)


def test_a_large_body_comes_in_pieces_and_not_into_memory(
    server: tuple[int, psutil.Process],
) -> None:
    port, process = server
    before = process.memory_info().rss
    pieces = (CHUNK for _ in range(BODY // len(CHUNK)))
    headers = {"Content-Length": str(BODY), "Content-Type": "multipart/form-data; boundary=x"}
    status, told = ask(port, pieces, **headers)
    assert (status, told["size"]) == (200, BODY)
    assert told["pieces"] > 100
    assert told["grown"] < GROWTH
    assert process.memory_info().rss - before < GROWTH


def test_small_and_empty_bodies_come_whole(server: tuple[int, psutil.Process]) -> None:
    assert ask(server[0], b"")[1]["size"] == 0
    assert ask(server[0], b"abc")[1]["size"] == 3
    assert ask(server[0], b"x" * 200_001)[1]["size"] == 200_001


def test_an_announced_length_beyond_the_limit_is_refused_at_once(
    server: tuple[int, psutil.Process],
) -> None:
    with socket.create_connection(("127.0.0.1", server[0]), timeout=30) as raw:
        raw.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000000\r\n\r\nabc")
        answer = raw.recv(4096)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"larger than 286 MiB" in answer


def test_a_body_without_a_length_is_refused_when_it_grows_too_large(
    server: tuple[int, psutil.Process],
) -> None:
    with socket.create_connection(("127.0.0.1", server[0]), timeout=30) as raw:
        raw.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        sent = 0
        try:
            while sent < 2 * LIMIT:
                raw.sendall(b"100000\r\n" + CHUNK + b"\r\n")
                sent += len(CHUNK)
        except OSError:
            pass  # it hung up, as it should
    assert sent + len(CHUNK) >= LIMIT
    assert sent < 2 * LIMIT
    assert ask(server[0], b"still there")[0] == 200


def test_a_body_that_its_file_does_not_take_is_refused(server: tuple[int, psutil.Process]) -> None:
    port, process = server
    soft, hard = process.rlimit(psutil.RLIMIT_FSIZE)
    process.rlimit(psutil.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as raw:
            raw.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n")
            raw.sendall(CHUNK)
            answer = raw.recv(4096)
    finally:
        process.rlimit(psutil.RLIMIT_FSIZE, (soft, hard))
    assert answer.startswith(b"HTTP/1.1 507 "), answer
    assert b"File too large" in answer
    assert ask(port, b"x" * 2_000_000)[1]["size"] == 2_000_000
