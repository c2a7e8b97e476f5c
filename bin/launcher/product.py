"""The whole product for tests and benches: ``bin/start`` in a place and on a port of its own."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import psutil

from launcher.checkout import ROOT
from launcher.place import environment_of

START_SECONDS = 90.0
STOP_SECONDS = 15.0


def free_port() -> int:
    """A TCP port of the loopback address that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Product:
    """A running product for the length of a ``with`` block, in ``base/{home,data,media}``.

    ``command``: what stands in for ``bin/start``. Raises ``RuntimeError`` with its output where it
    does not get ready.
    """

    def __init__(
        self,
        base: Path,
        *,
        extra: Mapping[str, str] | None = None,
        command: Sequence[str] = (str(ROOT / "bin" / "start"),),
    ) -> None:
        self.base = base
        self.home = base / "home"
        self.data_root = base / "data"
        self.media_root = base / "media"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.seconds_to_ready = 0.0
        self._extra = dict(extra or {})
        self._command = list(command)
        self._lines: list[str] = []
        self._ready = threading.Event()

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every process of this product, for a command run beside it."""
        return environment_of(self.base, PORT=str(self.port)) | self._extra

    @property
    def pid(self) -> int:
        """Process id of ``bin/start``."""
        return self._process.pid

    @property
    def stopped(self) -> bool:
        """Whether ``bin/start`` has ended."""
        return self._process.poll() is not None

    @property
    def output(self) -> str:
        """What ``bin/start`` has printed so far."""
        return "".join(self._lines)

    def processes(self) -> list[psutil.Process]:
        """``bin/start`` and everything below it."""
        parent = psutil.Process(self.pid)
        return [parent, *parent.children(recursive=True)]

    def start(self) -> None:
        """Start and wait for the line ``Ready: ...``."""
        began = time.monotonic()
        self._lines.clear()
        self._ready.clear()
        self._process = subprocess.Popen(
            self._command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()
        while not self._ready.wait(0.05):
            late = time.monotonic() - began > START_SECONDS
            if late or self._process.poll() is not None:
                self.stop()
                raise RuntimeError(f"bin/start did not get ready:\n{self.output}")
        self.seconds_to_ready = time.monotonic() - began

    def stop(self) -> int:
        """Send SIGTERM to ``bin/start`` alone, wait for its end; returns its exit status."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            for process in self.processes():
                process.kill()
            raise

    def _read(self) -> None:
        stream = self._process.stdout
        for line in stream or ():
            self._lines.append(line)
            if line.startswith("Ready: "):
                self._ready.set()

    def __enter__(self) -> Product:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
