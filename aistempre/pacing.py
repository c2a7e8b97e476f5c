"""Long responses and streams wait for their client: what a slow one has not taken stays on disk.

Daphne writes whatever it is given into the connection's buffer, without bound (daphne#170), so that
a checkpoint of gigabytes, or a flood of events, would lie in memory until a slow client has taken
it. Its connections are Twisted's, which tell a registered producer when the buffer is full and when
it has drained.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Gate:
    """Twisted's push producer: open while the connection's buffer has room."""

    def __init__(self) -> None:
        self._room = asyncio.Event()
        self._room.set()

    def pauseProducing(self) -> None:
        """The buffer is full."""
        self._room.clear()

    def resumeProducing(self) -> None:
        """The buffer has drained."""
        self._room.set()

    def stopProducing(self) -> None:
        """The client has gone; nothing is worth waiting for."""
        self._room.set()

    async def room(self) -> None:
        """Wait until the buffer has room."""
        await self._room.wait()


class PacedResponses:
    """ASGI middleware: a part of a streamed body is handed on when the one before has room."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application; under another server than Daphne, unchanged."""
        request = _twisted_request(send)
        if request is None:
            await self._application(scope, receive, send)
            return
        gate: Gate | None = None

        async def paced(message: Message) -> None:
            nonlocal gate
            if message["type"] == "http.response.body":
                if not message.get("more_body"):
                    _unregister(request, gate)
                elif gate is None:
                    gate = _registered(request)
            await send(message)
            if gate is not None:
                await gate.room()

        try:
            await self._application(scope, receive, paced)
        finally:
            _unregister(request, gate)


class PacedSockets:
    """ASGI middleware: ``send`` over a WebSocket returns when the connection has room again."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application; under another server than Daphne, unchanged."""
        protocol = _twisted_request(send)
        if protocol is None:
            await self._application(scope, receive, send)
            return
        gate = Gate()

        async def paced(message: Message) -> None:
            if message["type"] == "websocket.accept" and protocol.transport:
                # The HTTP channel that the connection began as has no more say in it.
                protocol.transport.unregisterProducer()
                protocol.transport.registerProducer(gate, streaming=True)
            await send(message)
            if message["type"] == "websocket.send":
                await gate.room()

        await self._application(scope, receive, paced)


def _twisted_request(send: Send) -> Any:
    """Daphne's request or socket, to which ``send`` is bound; None under another server."""
    bound = getattr(send, "args", ())
    return bound[0] if bound and hasattr(bound[0], "registerProducer") else None


def _registered(request: Any) -> Gate | None:
    if request.channel is None:  # the client has gone
        return None
    gate = Gate()
    request.registerProducer(gate, streaming=True)
    return gate


def _unregister(request: Any, gate: Gate | None) -> None:
    if gate is None or request.producer is not gate:
        return
    gate.resumeProducing()
    if request.channel is None:
        request.producer = None
    else:
        request.unregisterProducer()
