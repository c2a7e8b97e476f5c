"""Request bodies stay in a file until the application reads them, and none is larger than allowed.

Daphne receives a body whole, in a temporary file, and then puts all of it into the application's
queue, so that an upload of a gigabyte would lie in memory. ``StreamedRequest`` gives Daphne an
empty body instead, and ``StreamedBodies`` reads the file piece by piece. What a client announces,
or sends, beyond the limit is refused before it fills the disk.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from daphne import http_protocol

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

CHUNK_BYTES = 256 * 1024
limit_bytes = [2 * 1024**3]
"""Most bytes of one body; set by ``install``."""


class NoBody:
    """What Daphne reads in the place of a body."""

    closed = False

    def read(self, size: int = -1) -> bytes:
        """Nothing, at once."""
        return b""

    def tell(self) -> int:
        """Its length."""
        return 0

    def seek(self, *args: int) -> int:
        """There is one place only."""
        return 0

    def close(self) -> None:
        """Daphne has abandoned the request."""
        self.closed = True


class StreamedRequest(http_protocol.WebRequest):  # type: ignore[misc]
    """Daphne's request with its body kept back."""

    body: Any = None
    content: Any = None
    _received = 0
    _refused = False

    def gotLength(self, length: int | None) -> None:
        """Refuse by the announced length."""
        super().gotLength(length)
        if length is not None and length > limit_bytes[0]:
            self._refuse_size()

    def handleContentChunk(self, data: bytes) -> None:
        """Keep a piece, unless the body was refused or becomes too large."""
        self._received += len(data)
        if self._received > limit_bytes[0]:
            self._refuse_size()
        if self._refused:
            return
        try:
            super().handleContentChunk(data)
        except OSError as error:  # the disk of temporary files is full
            reason = error.strerror or str(error)
            self._refuse("507 Insufficient Storage", f"The request cannot be taken: {reason}.")

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Hand the request on once its body is whole.

        Twisted, too, would read it now: it parses forms that nobody asks it for.
        """
        if self._refused:
            return
        self.body, self.content = self.content, NoBody()
        self.body.seek(0)
        super().requestReceived(command, path, version)

    def connectionLost(self, reason: Any) -> None:
        """The body goes with the connection."""
        super().connectionLost(reason)
        self.drop()

    def finish(self) -> None:
        """The answer is complete."""
        super().finish()
        self.drop()

    def drop(self) -> None:
        """Let the file of the body go."""
        if self.body is not None:
            self.body.close()

    def _refuse_size(self) -> None:
        sentence = f"The request is larger than {limit_bytes[0] / 1024**2:,.0f} MiB."
        self._refuse("413 Content Too Large", sentence)

    def _refuse(self, status: str, sentence: str) -> None:
        if self._refused or self.channel is None:
            return
        self._refused = True
        text = json.dumps({"detail": sentence}).encode()
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n"
        )
        self.channel.transport.write(head.encode() + text)
        self.channel.transport.loseConnection()


def install(limit: int) -> None:
    """Have Daphne make such requests, with bodies of at most ``limit`` bytes."""
    limit_bytes[0] = limit
    http_protocol.WebRequest = StreamedRequest  # its factory looks the name up at every connection


class StreamedBodies:
    """ASGI middleware: the application receives the body from its file, piece by piece."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Run the application; under another server than Daphne, unchanged."""
        bound = getattr(send, "args", ())
        request = bound[0] if bound and isinstance(bound[0], StreamedRequest) else None
        if request is None or scope["type"] != "http":
            await self._application(scope, receive, send)
            return

        async def pieces() -> Message:
            chunk = b"" if request.body.closed else request.body.read(CHUNK_BYTES)
            if not chunk:
                return await receive()  # Daphne's own empty piece, then what comes after it
            await asyncio.sleep(0)  # others are served between two pieces
            return {"type": "http.request", "body": chunk, "more_body": True}

        await self._application(scope, pieces, send)
