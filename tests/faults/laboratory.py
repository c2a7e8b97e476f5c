"""A whole product with three workers and scripted trainers, and what can be done to it.

``inside`` sets Django up for the product's own database and places before it imports this, so there
is one laboratory per process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from django.conf import settings

from launcher.checkout import ROOT
from launcher.product import Product
from runs_app.models import Worker
from tests.faults.databases import PostgresHost
from tests.faults.start import COMMAND
from tests.faults.user import User
from tests.faults.waiting import wait_for

WORKERS = 3
LEASE_SECONDS = 6
SLOTS = 3
WORKER_COMMAND = (
    *(sys.executable, "-m", "celery", "-A", "tests.faults.worker", "worker"),
    *("--loglevel", "INFO", "--without-mingle", "--without-gossip", "--without-heartbeat"),
)
RESTART_SECONDS = 1.0


class Laboratory:
    """Runs inside a ``with`` block, in the directory ``base``; on SQLite without ``postgres``."""

    def __init__(
        self,
        base: Path,
        postgres: PostgresHost | None = None,
        *,
        small_disk: bool = False,
        database_disk: Path | None = None,
    ) -> None:
        self.base = base
        self.postgres = postgres
        self.small_disk = small_disk
        """Whether the runs lie on a file system that can be filled."""
        self.database_disk = database_disk
        """Where the database's disk can be filled; None where it cannot."""
        extra = {
            "LEASE_SECONDS": str(LEASE_SECONDS),
            "RUN_SLOTS": str(SLOTS),
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'bin'}",
            "CELERY_SKIP_CHECKS": "1",
            "PYTHONUNBUFFERED": "1",
        }
        if self.postgres:
            extra["DATABASE_URL"] = self.postgres.url
        self.product = Product(base, extra=extra, command=COMMAND)
        self.user = User(self.product.url)
        self.runs_root = self.product.media_root / "runs"
        self.logs = self.product.home / "log"
        self.base_memory: dict[str, int] = {}
        self._extra: list[subprocess.Popen[bytes]] = []
        self._log_files = 0

    def __enter__(self) -> Laboratory:
        # Has to see how it was signalled, so that a stray signal to a bystander is noticed.
        self.bystander = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(36000)"], start_new_session=True
        )
        try:
            self.product.start()
            for _ in range(WORKERS - 1):
                self.add_worker()
            self.wait_until_up()
        except BaseException:
            self.__exit__()
            raise
        self.base_memory = self.memory()
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._extra:
            _end(worker)
        with suppress(AttributeError):
            self.product.stop()
        self.bystander.kill()
        self.bystander.wait()

    def add_worker(self, *, host: str = "") -> int:
        """One more worker process; on another host by name, with a home of its own. Its pid."""
        self._log_files += 1
        environment = self.product.environment
        command: tuple[str, ...] = WORKER_COMMAND
        if host:
            environment |= self._elsewhere(host)
            command = ("unshare", "--uts", sys.executable, "-m", "tests.faults.elsewhere", host)
            command += WORKER_COMMAND
        with (self.logs / f"worker-{self._log_files}.log").open("ab") as log:
            worker = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self._extra.append(worker)
        return worker.pid

    def workers(self) -> list[psutil.Process]:
        """Every worker process that lives, bin/start's own first."""
        below = [p for p in self.product_processes() if _runs(p, "tests.faults.worker")]
        extra = [psutil.Process(w.pid) for w in self._extra if w.poll() is None]
        return below + extra

    def process(self, name: str) -> psutil.Process:
        """One of bin/start's: web, valkey, beat."""
        word = {"web": "daphne", "valkey": "valkey", "beat": "beat"}[name]
        own = {p.pid for p in self.workers()}

        def find() -> psutil.Process | None:
            return next(
                (p for p in self.product_processes() if p.pid not in own and _runs(p, word)), None
            )

        return wait_for(f"the process {name}", find)

    def product_processes(self) -> list[psutil.Process]:
        """The direct children of bin/start."""
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.product.pid).children()
        return []

    def trainers(self) -> list[psutil.Process]:
        """Every process that works in a run's directory."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if Path(process.cwd()).is_relative_to(self.runs_root):
                    found.append(process)
        return found

    def trainer_of(self, uid: str) -> psutil.Process | None:
        """The process that leads the run's trainer."""
        for process in self.trainers():
            with suppress(psutil.Error, ProcessLookupError):
                leads = os.getsid(process.pid) == process.pid
                if leads and Path(process.cwd()).name == uid:
                    return process
        return None

    def wait_until_up(self, seconds: float = 90.0) -> None:
        """Start again what a machine's own service manager would, and wait until all answers."""
        time.sleep(RESTART_SECONDS)

        def is_up() -> bool:
            self._revive()
            return self.user.send("GET", "/runs?limit=1")[0] == 200 and self._all_are_seen()

        wait_for("web and three workers", is_up, seconds)

    def _revive(self) -> None:
        if self.product.stopped:
            self.product.start()
        alive = [w for w in self._extra if w.poll() is None]
        lost = WORKERS - 1 - len(alive)
        self._extra = alive
        for _ in range(lost):
            self.add_worker()

    def memory(self) -> dict[str, int]:
        """Bytes of web and of the largest worker, their children not counted."""
        web = self.process("web").memory_info().rss
        return {"web": web, "worker": max(p.memory_info().rss for p in self.workers())}

    @contextmanager
    def paused(self, process: psutil.Process) -> Iterator[None]:
        """SIGSTOP inside the block, SIGCONT after it."""
        process.suspend()
        try:
            wait_for("the stop", lambda: process.status() == psutil.STATUS_STOPPED)
            yield
        finally:
            with suppress(psutil.NoSuchProcess):
                process.resume()

    def _all_are_seen(self) -> bool:
        pids = {worker.pid for worker in self.workers()}
        known = set(Worker.objects.filter(stopping=False).values_list("pid", flat=True))
        return len(pids) >= WORKERS and pids <= known

    def _elsewhere(self, host: str) -> dict[str, str]:
        home = self.base / host
        return {
            "AISTEMPRE_HOME": str(home),
            "DATABASE_URL": settings.ENV.database_url,
            "REDIS_URL": settings.ENV.redis_url,
        }


def _runs(process: psutil.Process, word: str) -> bool:
    try:
        return any(word in part for part in process.cmdline())
    except psutil.Error:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()
