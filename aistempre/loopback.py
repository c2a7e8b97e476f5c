"""Local mode has no login, so nothing is served on an address that other computers can reach.

The settings refuse another HOST and the Procfile binds to 127.0.0.1. This holds as well where
somebody starts a server by hand on all addresses: a Host header is easily forged, the address that
a connection came in on is not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from ipaddress import ip_address
from typing import Any

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

SENTENCE = (
    b"This product has no login and serves the computer it runs on only. "
    b"Forward its port over SSH to reach it from here.\n"
)


class LoopbackOnly:
    """Passes connections that came in on a loopback address or a UNIX socket, refuses others."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse with 403, or close the socket before it is accepted."""
        if _is_local(scope):
            await self._application(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4403})
        else:
            headers = [(b"content-type", b"text/plain"), (b"connection", b"close")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": SENTENCE})


def _is_local(scope: Scope) -> bool:
    server = scope.get("server")
    if not server or not server[0]:
        return True
    try:
        return ip_address(server[0]).is_loopback
    except ValueError:
        return True  # a path of a UNIX socket, or the name that a test client gives
