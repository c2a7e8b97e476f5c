"""The worker's side of the trainer processes: start, signal, learn how each ended."""

from __future__ import annotations

import itertools
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from runs_app.execution.trainer_child import Order
from runs_app.forecasting.data.imports import STORE_VARIABLE

logger = logging.getLogger(__name__)

FIT = "runs_app.forecasting.training.fit:run"
PRELOAD = (
    "torch",
    "torch._dynamo",  # the first optimizer imports it, which takes 1.4 s or more
    "pytorch_lightning",
    "runs_app.forecasting.training.fit",
)
PROJECT_ROOT = Path(__file__).resolve().parents[2]
PASSED_ON = ("HOME", "PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "OMP_NUM_THREADS")
"""Environment variables a trainer sees; none of them carries a secret."""


@dataclass(frozen=True)
class Exit:
    """How a trainer process ended. ``code`` is its status, or minus the signal that killed it."""

    code: int
    peak_bytes: int = 0
    lost: bool = False
    """True when the server that forked it died, so that nobody saw how it ended."""


class TrainerProcess:
    """One trainer; safe to ask from any thread."""

    def __init__(self, server: TrainerServer, identity: int, connection: socket.socket) -> None:
        self._server = server
        self._identity = identity
        self.connection = connection
        """The fork server it came from."""
        self._ended = threading.Event()
        self.pid: int | None = None
        """Process id once it has started."""
        self.exit: Exit | None = None
        """How it ended; None while it lives."""

    def ask_to_stop(self) -> None:
        """SIGTERM to the trainer's process group: finish the batch, save, end."""
        self._server.signal(self._identity, signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to the trainer's process group."""
        self._server.signal(self._identity, signal.SIGKILL)

    def show_stacks(self) -> None:
        """SIGUSR1 to the group: a trainer prints where each of its threads stands."""
        self._server.signal(self._identity, signal.SIGUSR1)

    def wait(self, timeout: float | None = None) -> Exit | None:
        """Block until it has ended; None after ``timeout`` seconds."""
        self._ended.wait(timeout)
        return self.exit

    def end(self, how: Exit) -> None:
        """Called by the server's reader once, when the process has ended."""
        self.exit = how
        self._ended.set()


class TrainerServer:
    """Owns one fork server process, starts it when needed and again when it has died."""

    def __init__(
        self, entry: str = FIT, preload: Sequence[str] = PRELOAD, threads: int = 1
    ) -> None:
        self._arguments = (entry, *preload)
        self._threads = threads
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._trainers: dict[int, TrainerProcess] = {}

    @property
    def pid(self) -> int | None:
        """Process id of the fork server, None before it was started."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the server unless it runs; returns at once, orders wait until it has imported."""
        with self._lock:
            self._ensure()

    def spawn(
        self,
        run_dir: Path,
        data_root: Path,
        devices: str | None = None,
        *,
        attempt: int = 1,
        processes: int = 1,
    ) -> TrainerProcess:
        """Order a trainer for ``run_dir``. ``devices``: its CUDA_VISIBLE_DEVICES, if not None;
        ``processes``: the run's ``train.devices``.

        ``attempt`` is the run's, from 1; every one after the first goes on from a checkpoint.
        """
        environ = self._environ()
        environ["DATA_ROOT"] = str(data_root)
        if devices is not None:
            environ["CUDA_VISIBLE_DEVICES"] = devices
        order = Order(str(run_dir), str(data_root), environ, attempt, processes)
        with self._lock:
            connection = self._ensure()
            identity = next(self._numbers)
            trainer = TrainerProcess(self, identity, connection)
            self._trainers[identity] = trainer
            try:
                _send(connection, do="start", id=identity, fit=asdict(order))
            except OSError as error:
                del self._trainers[identity]
                logger.warning("The trainer server is gone: %s", error)
                trainer.end(Exit(-signal.SIGKILL, lost=True))
        return trainer

    def signal(self, identity: int, number: int) -> None:
        """Send a signal to one trainer's group; nothing happens when it has ended."""
        with self._lock:
            trainer = self._trainers.get(identity)
            if trainer:
                try:
                    _send(trainer.connection, do="signal", id=identity, number=number)
                except OSError as error:
                    logger.warning("The trainer server is gone: %s", error)

    def close(self) -> None:
        """Kill every trainer and end the server."""
        with self._lock:
            if self._socket:
                self._socket.shutdown(socket.SHUT_RDWR)
            process = self._process
        if process:
            process.wait()

    def _ensure(self) -> socket.socket:
        if self._socket and self._process and self._process.poll() is None:
            return self._socket
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                (
                    sys.executable,
                    "-m",
                    "runs_app.execution.fork_server",
                    str(theirs.fileno()),
                    *self._arguments,
                ),
                cwd=PROJECT_ROOT,
                env=self._environ(),
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        self._socket = ours
        reader = threading.Thread(
            target=self._read, args=(ours, self._process), name="trainer-server", daemon=True
        )
        reader.start()
        return ours

    def _environ(self) -> dict[str, str]:
        return child_environment(self._threads)

    def _read(self, connection: socket.socket, process: subprocess.Popen[bytes]) -> None:
        try:
            with connection.makefile("rb") as lines:
                for line in lines:
                    self._hear(json.loads(line))
        except OSError as error:
            logger.warning("The trainer server is gone: %s", error)
        status = process.wait()
        with self._lock:
            orphans = {i: t for i, t in self._trainers.items() if t.connection is connection}
            for identity in orphans:
                del self._trainers[identity]
            if self._socket is connection:
                self._socket = None
        connection.close()
        if orphans:
            logger.error("The trainer server ended (status %s) with trainers running.", status)
        for trainer in orphans.values():
            trainer.end(Exit(-signal.SIGKILL, lost=True))

    def _hear(self, report: Mapping[str, Any]) -> None:
        if report["event"] == "ready":
            logger.info("Trainer server ready after %.1f s of imports.", report["seconds"])
            return
        with self._lock:
            trainer = self._trainers.get(report["id"])
            if report["event"] != "started":
                self._trainers.pop(report["id"], None)
        if trainer is None:
            return
        if report["event"] == "started":
            trainer.pid = report["pid"]
        elif report["event"] == "ended":
            trainer.end(Exit(report["code"], report["peak_bytes"]))
        else:
            logger.error("No trainer could be forked: %s", report["message"])
            trainer.end(Exit(1))


def child_environment(threads: int) -> dict[str, str]:
    """What a process of the core sees of the environment, and on how many cores it may work."""
    environ = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    own = {"OMP_NUM_THREADS": str(threads), STORE_VARIABLE: str(settings.DATASETS_ROOT)}
    return own | environ


def _send(connection: socket.socket, **message: Any) -> None:
    connection.sendall(json.dumps(message).encode() + b"\n")
