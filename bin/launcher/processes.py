"""The processes of the product: started, watched, and ended so that none is left."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil

from launcher.checkout import ROOT

GRACE_SECONDS = 6.0
"""Time to end by themselves; with the rest of the stop this stays under ten seconds."""
MAX_LOG_BYTES = 10_000_000
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def adopt_orphans() -> None:
    """From now on what a dying descendant leaves behind becomes a child of this process (Linux)."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_with_parent() -> None:
    """In the child: be ended when this launcher dies without ending it (Linux)."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def kill_descendants() -> None:
    """Kill every process below this one, those it has adopted among them."""
    for _ in range(3):  # what is killed may leave children that become ours
        left = psutil.Process().children(recursive=True)
        for process in left:
            process.kill()
        psutil.wait_procs(left, timeout=1)


class Processes:
    """Named child processes, each in a session of its own and with a log file of its own."""

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        self._logs = logs
        self._environment = dict(environment)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._begins: dict[str, int] = {}
        self._shown: dict[str, int] = {}

    def start(self, name: str, command: str) -> None:
        """Start a command line of the Procfile; its output is appended to its log."""
        with self.log(name).open("ab") as stream:
            self._begins[name] = self._shown[name] = stream.tell()
            self._running[name] = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {command}"],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent,  # no thread runs here yet
            )

    def log(self, name: str) -> Path:
        """The log file of ``name``."""
        return self._logs / f"{name}.log"

    def output(self, name: str) -> str:
        """What ``name`` has printed since it was started last."""
        with self.log(name).open("rb") as stream:
            stream.seek(self._begins[name])
            return stream.read().decode(errors="replace")

    def news(self) -> Iterator[str]:
        """Whole lines printed since the last call, each with the name of its process before it."""
        for name in self._running:
            with self.log(name).open("rb") as stream:
                stream.seek(self._shown[name])
                whole, newline, _ = stream.read().rpartition(b"\n")
            self._shown[name] += len(whole + newline)
            for line in whole.decode(errors="replace").splitlines():
                yield f"{name:<7}| {line}"

    def ended(self) -> tuple[str, int] | None:
        """Name and exit status of a process that has ended, if one has."""
        for name, process in self._running.items():
            status = process.poll()
            if status is not None:
                return name, status
        return None

    def trim_logs(self) -> None:
        """Keep one older part of each log that has grown large."""
        for name in self._running:
            path = self.log(name)
            if path.stat().st_size > MAX_LOG_BYTES:
                shutil.copyfile(path, path.with_suffix(".1.log"))
                os.truncate(path, 0)  # it is open for appending, so the writer goes on at 0
                self._begins[name] = self._shown[name] = 0

    def stop(self, last: str, hurried: Callable[[], bool]) -> None:
        """End all, ``last`` after the others, and kill those that have not ended in time.

        ``hurried`` is asked between; once it is true nothing is waited for any more.
        """
        deadline = time.monotonic() + GRACE_SECONDS
        others = [process for name, process in self._running.items() if name != last]
        self._end(others, deadline, hurried)
        if last in self._running:
            self._end([self._running[last]], deadline + 1, hurried)
        for process in self._running.values():
            process.kill()
            process.wait()

    def _end(
        self, ending: list[subprocess.Popen[bytes]], deadline: float, hurried: Callable[[], bool]
    ) -> None:
        for process in ending:
            if process.poll() is None:
                process.terminate()
        while any(process.poll() is None for process in ending):
            if time.monotonic() > deadline or hurried():
                return
            time.sleep(0.02)
