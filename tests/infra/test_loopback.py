"""Connections that came in on an address others can reach are refused, whatever they say."""

from __future__ import annotations

from typing import Any

import pytest

from aistempre.asgi import application
from aistempre.loopback import LoopbackOnly


async def answer(scope: dict[str, Any]) -> list[dict[str, Any]]:
    """What is sent for ``scope``; the application behind it says that it was reached."""
    sent: list[dict[str, Any]] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "reached"})

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await LoopbackOnly(inner)(scope, receive, send)
    return sent


@pytest.mark.parametrize(
    "server", [None, ("127.0.0.1", 80), ("127.8.0.1", 80), ("::1", 80), ("/run/web.sock", None)]
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_this_computer_passes(kind: str, server: Any) -> None:
    assert await answer({"type": kind, "server": server}) == [{"type": "reached"}]


@pytest.mark.parametrize("address", ["192.168.1.7", "10.0.0.1", "8.8.8.8", "fe80::1"])
async def test_other_addresses_are_refused(address: str) -> None:
    http = await answer({"type": "http", "server": (address, 80)})
    assert http[0]["status"] == 403
    assert b"no login" in http[1]["body"]
    (closed,) = await answer({"type": "websocket", "server": (address, 80)})
    assert closed["type"] == "websocket.close"


async def test_the_product_stands_behind_it() -> None:
    assert isinstance(application, LoopbackOnly)
