"""``bin/start`` keeps up what it has started, whatever happens to it."""

from __future__ import annotations

import json
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from launcher.checkout import ROOT
from launcher.client import call
from launcher.product import Product
from tests.infra.products import (
    STOP_BUDGET_SECONDS,
    alive,
    home_page,
    process,
    start_run,
    started_again,
    wait_until,
)

pytestmark = pytest.mark.slow

TORN_BYTES = 600
NAMES = ("worker", "web", "valkey", "beat")

CHANGED = """
import runpy, sys
import honcho.environ
from launcher import question
question.PROBE_SECONDS, question.ANSWER_SECONDS, question.FAILED_PROBES = 0.5, 0.5, 24
parse = honcho.environ.parse_procfile
def replaced(text):
    found = parse(text)
    found.processes.update({commands!r})
    return found
honcho.environ.parse_procfile = replaced
sys.argv[1:] = ["start"]
runpy.run_path({folder!r}, run_name="__main__")
"""

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


def changed_product(base: Path, *paths: Path, **commands: str) -> Product:
    """A product with other commands in its Procfile, where silence of twelve seconds counts."""
    program = CHANGED.format(commands=commands, folder=str(ROOT / "bin"))
    command = [sys.executable, "-c", program]
    path = ":".join(str(folder) for folder in (*paths, ROOT, ROOT / "bin"))
    return Product(base, command=command, extra={"PYTHONPATH": path})


def stop_leaves_nothing(product: Product) -> None:
    """A normal stop ends everything in time and forgets what it told the pages."""
    processes = product.processes()
    began = time.monotonic()
    assert product.stop() == 0
    assert time.monotonic() - began < STOP_BUDGET_SECONDS
    assert alive(processes) == []
    assert not (product.home / "run" / "ends.json").exists()


def test_what_is_killed_is_started_again(untroubled: Product) -> None:
    product = untroubled
    for name in NAMES:
        others = [process(product, n) for n in NAMES if n != name]
        killed = process(product, name)
        with started_again(product, name):
            killed.kill()
        told = f"The {name} process was killed by signal 9"
        assert f"{told} and is started again (1st time) now; it said" in product.output
        assert process(product, name).pid != killed.pid
        assert all(other.is_running() for other in others)
        page = home_page(product)
        assert f"{told}, <time" in page
        assert "and was started again." in page
    start_run(product)
    stop_leaves_nothing(product)


def test_a_killed_worker_leaves_no_trainer_and_a_killed_web_disturbs_none(product: Product) -> None:
    start_run(product)
    worker = process(product, "worker")
    below = worker.children(recursive=True)
    assert len(below) >= 2, "a server of trainers and a trainer"
    with started_again(product, "web"):
        process(product, "web").kill()
    assert all(child.is_running() for child in [worker, *below])
    with started_again(product, "worker"):
        worker.kill()
    assert alive(below) == []
    stop_leaves_nothing(product)


@pytest.mark.skipif(sys.platform != "linux", reason="only there the launcher adopts")
def test_the_dead_it_has_adopted_do_not_pile_up(untroubled: Product) -> None:
    product = untroubled
    start_run(product)
    (server,) = process(product, "worker").children()
    trainers = server.children()
    assert trainers
    server.kill()
    wait_until(lambda: not any(trainer.is_running() for trainer in trainers), product)
    assert "started again" not in product.output


def test_what_dies_again_and_again_is_waited_for(tmp_path: Path) -> None:
    with changed_product(tmp_path, beat="sh -c 'echo no clock; exit 7'") as product:
        wait_until(lambda: "(5th time)" in product.output, product)
        lines = [line for line in product.output.splitlines() if line.startswith("The beat")]
        told = "The beat process ended with status 7 and is started again"
        pauses = {
            "1st": "now",
            "2nd": "in 0.5 s",
            "3rd": "in 1 s",
            "4th": "in 2 s",
            "5th": "in 4 s",
        }
        assert lines[:5] == [
            f"{told} ({nth} time) {when}; it said last: no clock" for nth, when in pauses.items()
        ]
        page = home_page(product)
        assert "The beat process ended with status 7, <time" in page
        assert "and is being started again (5 times since bin/start)." in page
        stop_leaves_nothing(product)


def test_what_does_not_answer_is_started_again(tmp_path: Path) -> None:
    with changed_product(tmp_path) as product:
        assert "started again" not in product.output
        silent = {name: process(product, name) for name in NAMES}
        with started_again(product, *NAMES):
            for each in silent.values():
                each.send_signal(signal.SIGSTOP)
        for name, each in silent.items():
            said = f"The {name} process stopped answering and is started again (1st time) now"
            assert said in product.output
            assert not each.is_running()
        assert "Start your first run" in home_page(product)
        stop_leaves_nothing(product)


@pytest.mark.parametrize("what", HANGS)
def test_a_worker_that_hangs_is_started_again(tmp_path: Path, what: str) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "sitecustomize.py").write_text(HANGING)
    with changed_product(tmp_path, tmp_path / "more") as product:
        uid = start_run(product) if what == "a supervisor" else ""
        hung = process(product, "worker")
        hung.send_signal(signal.SIGRTMIN + HANGS[what])
        wait_until(lambda: "The worker process is ready again." in product.output, product)
        said = "The worker process stopped answering and is started again (1st time) now"
        assert said in product.output
        assert not hung.is_running()
        log = (product.home / "log" / "worker.log").read_text()
        assert what == "all" or "This worker hangs: the " in log
        if uid:
            wait_until(lambda: _attempt_that_trains(product, uid) == 2, product)
        else:
            start_run(product)


def _attempt_that_trains(product: Product, uid: str) -> int:
    run = call(product, "GET", f"/runs/{uid}")
    return int(run["attempt"]) if run["status"] == "running" else 0


def test_stopped_processes_do_not_hold_up_the_end(product: Product) -> None:
    for name in NAMES:
        process(product, name).send_signal(signal.SIGSTOP)
    stop_leaves_nothing(product)


def test_a_torn_schedule_does_not_keep_beat_from_starting(product: Product) -> None:
    folder = product.home / "run"
    wait_until(lambda: list(folder.glob("beat-schedule*")), product)
    product.stop()
    whole = {part: part.read_bytes() for part in folder.glob("beat-schedule*")}
    for part, data in whole.items():
        if part.suffix not in (".dir", ".bak"):  # a table of contents that promises more
            part.write_bytes(data[:TORN_BYTES])
    product.start()
    wait_until(
        lambda: sum(part.stat().st_size for part in whole if part.exists()) > 2 * TORN_BYTES,
        product,
    )


def test_what_dies_before_ready_ends_everything(tmp_path: Path) -> None:
    for name in ("valkey", "web", "worker"):
        product = changed_product(tmp_path, **{name: "sh -c 'echo no luck; exit 3'"})
        with pytest.raises(RuntimeError) as fault:
            product.start()
        told = f"The {name} process ended with status 3, so everything is stopped."
        assert told in str(fault.value)
        assert "It said last:\n  no luck" in str(fault.value)
        assert product.stop() == 1


def test_a_broken_database_is_one_sentence(product: Product) -> None:
    product.stop()
    database = product.home / "db.sqlite3"
    whole = database.read_bytes()
    database.write_bytes(b"not a database" * 500)
    with pytest.raises(RuntimeError) as fault:
        product.start()
    database.write_bytes(whole)
    assert "The database at DATABASE_URL cannot be used: file is not a database" in str(fault.value)
    assert "Traceback" not in str(fault.value)


def test_a_torn_record_of_the_preparation_is_made_anew(product: Product) -> None:
    product.stop()
    record = product.home / "run" / "prepared.json"
    whole = record.read_text()
    record.write_text(whole[: len(whole) // 2])
    product.start()
    assert json.loads(record.read_text()) == json.loads(whole)


def test_a_busy_database_keeps_nothing_from_starting(product: Product) -> None:
    with closing(sqlite3.connect(product.home / "db.sqlite3")) as other:
        other.execute("BEGIN IMMEDIATE")
        for name in ("worker", "web"):
            with started_again(product, name):
                process(product, name).kill()
        product.stop()
        product.start()
        assert "Training laboratory" in home_page(product)
        other.rollback()


def test_a_long_home_starts(tmp_path: Path) -> None:
    with Product(tmp_path / ("long" * 25)) as product:
        assert "Start your first run" in home_page(product)
