"""Runs that train with the scripted programs, in a database that threads can share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from runs_app.execution import lifecycle, run_directory, slots
from runs_app.execution.leases import Claim
from runs_app.execution.supervisor import Supervisor
from runs_app.execution.trainer_process import TrainerServer
from runs_app.forecasting.config.compose import compose_config
from runs_app.forecasting.config.schema import RunConfig
from runs_app.models import TrainingRun
from tests.execution import programs


@pytest.fixture(scope="session")
def config() -> RunConfig:
    """A small valid configuration; the scripted programs do not read it."""
    return compose_config({"data": {"source": "sample.csv"}, "model": {"variant": "tiny"}})


@pytest.fixture(scope="session")
def server() -> Iterator[TrainerServer]:
    """A fork server without torch that runs the scripted programs."""
    scripted = TrainerServer(programs.ENTRY, ("tests.execution.programs",))
    yield scripted
    scripted.close()


@pytest.fixture(scope="session")
def real_server() -> Iterator[TrainerServer]:
    """The product's own fork server, which loads torch once, on one thread."""
    server = TrainerServer(threads=1)
    server.start()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def woken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Runs for which a worker would have been woken; no broker is needed here."""
    numbers: list[int] = []
    monkeypatch.setattr("runs_app.execution.wakeups.wake", numbers.append)
    return numbers


@pytest.fixture
def make_run(transactional_db: None, config: RunConfig) -> Callable[..., TrainingRun]:
    """Makes a pending run that will train with the named program."""

    def make(program: str = "complete", **fields: Any) -> TrainingRun:
        run = lifecycle.create_run(config, {}, **fields)
        (run_directory.path_of(run.uid) / "program").write_text(program)
        return run

    return make


@pytest.fixture
def train(
    make_run: Callable[..., TrainingRun], server: TrainerServer
) -> Callable[[str], TrainingRun]:
    """Trains with the named program in this thread; returns the run as it ended."""

    def run(program: str) -> TrainingRun:
        made = make_run(program)
        supervise(claim(made), server)
        made.refresh_from_db()
        return made

    return run


def claim(run: TrainingRun, worker: str = "worker-1") -> Claim:
    """Claim a pending run."""
    held = lifecycle.claim(run.pk, worker)
    assert held is not None
    return held


def supervise(held: Claim, server: TrainerServer, stopping: threading.Event | None = None) -> None:
    """Supervise one attempt on a free slot."""
    slot = slots.acquire()
    assert slot is not None
    try:
        Supervisor(held, slot, server, stopping or threading.Event()).run()
    finally:
        slot.release()


class Background:
    """Supervises a run in a thread of its own, as a worker does."""

    def __init__(self, run: TrainingRun, server: TrainerServer) -> None:
        self.stopping = threading.Event()
        self._held = claim(run)
        self._server = server
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        try:
            supervise(self._held, self._server, self.stopping)
        finally:
            connection.close()

    def join(self, timeout: float = 30) -> None:
        """Wait for the end."""
        self._thread.join(timeout)
        assert not self._thread.is_alive()


def directory(run: TrainingRun) -> Path:
    """The run's directory."""
    return run_directory.path_of(run.uid)
