"""The processes of the product: started, watched, and ended so that none is left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from launcher.checkout import ROOT
from launcher.orphans import end_with_parent

GRACE_SECONDS = 6.0
"""Time to end by themselves; with the rest of the stop this stays under ten seconds."""
MAX_LOG_BYTES = 10_000_000
TAIL_BYTES = 65_536
"""Of the end of a log, as much as may be looked at for last words."""


class Processes:
    """Named child processes, each in a session of its own and with a log file of its own."""

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        self._logs = logs
        self._environment = dict(environment)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._begins: dict[str, int] = {}
        self._shown: dict[str, int] = {}

    def start(self, name: str, command: str) -> None:
        """Start a command line of the Procfile; its output is appended to its log.

        Raises ``OSError`` where there is no room for another process or for its log.
        """
        with self.log(name).open("ab") as stream:
            self._begins[name] = stream.tell()
            self._shown.setdefault(name, stream.tell())  # the last words of one that died are news
            self._running[name] = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {command}"],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent,  # no thread runs here
            )

    @property
    def own(self) -> list[subprocess.Popen[bytes]]:
        """What was started here, by its latest start."""
        return list(self._running.values())

    def pid(self, name: str) -> int:
        """Process id of its latest start."""
        return self._running[name].pid

    def log(self, name: str) -> Path:
        """The log file of ``name``."""
        return self._logs / f"{name}.log"

    def output(self, name: str) -> str:
        """What ``name`` has printed since it was started last; of much, the end."""
        return self._read(name, self._begins[name], TAIL_BYTES).decode(errors="replace")

    def news(self) -> Iterator[str]:
        """Whole lines printed since the last call, each with the name of its process before it."""
        for name in self._running:
            whole, newline, _ = self._read(name, self._shown[name]).rpartition(b"\n")
            self._shown[name] += len(whole + newline)
            for line in whole.decode(errors="replace").splitlines():
                yield f"{name:<7}| {line}"

    def status(self, name: str) -> int | None:
        """Exit status of ``name``, minus the signal that killed it; None while it lives."""
        return self._running[name].poll()

    def ended(self) -> tuple[str, int] | None:
        """Name and exit status of a process that has ended, if one has."""
        for name, process in self._running.items():
            status = process.poll()
            if status is not None:
                return name, status
        return None

    def trim_logs(self) -> None:
        """Keep one older part of each log that has grown large; without room for it, none."""
        for name in self._running:
            path, older = self.log(name), self.log(name).with_suffix(".1.log")
            if not path.exists() or path.stat().st_size <= MAX_LOG_BYTES:
                continue
            try:
                shutil.copyfile(path, older)
            except OSError:
                older.unlink(missing_ok=True)
            with suppress(OSError):
                os.truncate(path, 0)  # it is open for appending, so the writer goes on at 0
                self._begins[name] = self._shown[name] = 0

    def ask_to_end(self, name: str) -> None:
        """SIGTERM, which one that is stopped (SIGSTOP) hears as well."""
        _ask_to_end(self._running[name])

    def kill(self, name: str) -> None:
        """SIGKILL."""
        self._running[name].kill()

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

    def _read(self, name: str, begin: int, last: int | None = None) -> bytes:
        """The log from ``begin`` on, of it the ``last`` bytes; nothing where it was removed."""
        with suppress(FileNotFoundError), self.log(name).open("rb") as stream:
            if last is not None:
                begin = max(begin, stream.seek(0, os.SEEK_END) - last)
            stream.seek(begin)
            return stream.read()
        return b""

    def _end(
        self, ending: list[subprocess.Popen[bytes]], deadline: float, hurried: Callable[[], bool]
    ) -> None:
        for process in ending:
            _ask_to_end(process)
        while any(process.poll() is None for process in ending):
            if time.monotonic() > deadline or hurried():
                return
            time.sleep(0.02)


def _ask_to_end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)  # nothing happens where it has ended
    process.send_signal(signal.SIGCONT)
