"""What falls silent and lives on is started again by ``bin/start``.

All in one product, as its start and the time that silence takes are what these tests cost.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from launcher.client import call
from launcher.product import Product
from tests.infra.products import (
    NAMES,
    changed_product,
    end_runs,
    home_page,
    impatient,
    process,
    start_run,
    started_again,
    stop_leaves_nothing,
    wait_until,
)

pytestmark = pytest.mark.slow

HANGING = """
import ctypes, signal, sys, threading
if "worker" in sys.orig_argv:
    from runs_app.execution import vitals
    vitals.ROUND_SECONDS, vitals.MOST_ROUNDS = 0.2, 75

    def for_ever(*_):
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()

    def hang_pulse(*_):
        from runs_app.execution import pulse
        pulse.read_disk = for_ever

    def hang_supervisor(*_):
        from runs_app.execution import supervisor
        supervisor.Sampler.sample = for_ever

    ways = (for_ever, lambda *_: ctypes.PyDLL(None).sleep(3600), hang_pulse, hang_supervisor)
    for number, way in enumerate(ways, start=signal.SIGRTMIN):
        signal.signal(number, way)
"""
"""In the worker alone: signals after which one of its threads, or all, never move again."""
HANGS = {"its loop": 0, "all": 1, "the pulse": 2, "a supervisor": 3}


@pytest.fixture(scope="module")
def hanging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A product whose worker can be made to hang."""
    base = tmp_path_factory.mktemp("hanging")
    (base / "more").mkdir()
    (base / "more" / "sitecustomize.py").write_text(HANGING)
    with changed_product(base, base / "more") as running:
        yield running


@contextmanager
def found_silent(product: Product, *names: str) -> Iterator[None]:
    """What is done inside silences these; waits until others stand in their place."""
    before = len(product.output)
    silent = {name: process(product, name) for name in names}
    with started_again(product, *names):
        yield
        with impatient(product):
            for name in names:
                said = f"The {name} process stopped answering and is started again ("
                wait_until(lambda said=said: said in product.output[before:], product)
    assert not any(each.is_running() for each in silent.values())


def test_whatever_is_stopped_is_started_again(hanging: Product) -> None:
    assert "started again" not in hanging.output
    with found_silent(hanging, *NAMES):
        for name in NAMES:
            process(hanging, name).send_signal(signal.SIGSTOP)
    for name in NAMES:
        said = f"The {name} process stopped answering and is started again (1st time) now"
        assert said in hanging.output
    assert "Start your first run" in home_page(hanging)


@pytest.mark.parametrize("what", HANGS)
def test_a_worker_that_hangs_is_started_again(hanging: Product, what: str) -> None:
    end_runs(hanging)
    uid = start_run(hanging) if what == "a supervisor" else ""
    log = hanging.home / "log" / "worker.log"
    read = log.stat().st_size
    with found_silent(hanging, "worker"):
        process(hanging, "worker").send_signal(signal.SIGRTMIN + HANGS[what])
    said = log.read_bytes()[read:].decode()
    assert (what != "all") == ("This worker hangs: " in said)
    if uid:
        wait_until(lambda: _attempt_that_trains(hanging, uid) == 2, hanging)


def _attempt_that_trains(product: Product, uid: str) -> int:
    run = call(product, "GET", f"/runs/{uid}")
    return int(run["attempt"]) if run["status"] == "running" else 0


def test_after_all_that_it_ends_as_ever(hanging: Product) -> None:
    stop_leaves_nothing(hanging)
