"""A viewer of a run's stream that can be cut off and comes back with its last number."""

from __future__ import annotations

import json
import socket
import threading
import zlib
from contextlib import suppress
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect

RETRY_SECONDS = 0.2


class Viewer:
    """Watches in a thread from ``start`` until the run's stream ends or ``stop``."""

    def __init__(self, url: str, uid: str) -> None:
        self._address = url.replace("http", "ws", 1) + f"/runs/{uid}/stream"
        self._stopping = threading.Event()
        self._connection: ClientConnection | None = None
        self._thread = threading.Thread(target=self._watch, name=f"viewer {uid}")
        self.seqs: list[int] = []
        self.log = 0
        """Checksum of all log lines."""
        self.connections = 0
        self.over = False
        """The product said that there is nothing more to come."""

    def start(self) -> Viewer:
        """Begin to watch."""
        self._thread.start()
        return self

    def cut(self) -> None:
        """The network drops: no goodbye."""
        if self._connection:
            with suppress(OSError):
                self._connection.socket.shutdown(socket.SHUT_RDWR)

    def stop(self, seconds: float = 30.0) -> None:
        """Watch until the stream is over, at most so long."""
        self._thread.join(seconds)
        self._stopping.set()
        self.cut()
        self._thread.join()

    def _watch(self) -> None:
        while not self.over and not self._stopping.is_set():
            after = self.seqs[-1] if self.seqs else 0
            try:
                with connect(f"{self._address}?after={after}", open_timeout=10) as connection:
                    self._connection = connection
                    self.connections += 1
                    for text in connection:
                        self._take(json.loads(text))
                    self.over = True
            except (OSError, ConnectionClosed, InvalidHandshake, TimeoutError):
                self._stopping.wait(RETRY_SECONDS)

    def _take(self, message: dict[str, Any]) -> None:
        self.seqs.append(int(message["seq"]))
        if message["event_type"] == "log":
            self.log = zlib.crc32(message["data"]["message"].encode(), self.log)
