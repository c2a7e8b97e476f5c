"""``bin/start`` keeps up what it has started, whatever happens to it."""

from __future__ import annotations

import json
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from launcher.product import Product
from tests.infra.products import (
    NAMES,
    alive,
    changed_product,
    home_page,
    process,
    start_run,
    started_again,
    stop_leaves_nothing,
    wait_until,
)

pytestmark = pytest.mark.slow

TORN_BYTES = 600


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


def test_stopped_processes_do_not_hold_up_the_end(product: Product) -> None:
    for name in NAMES:
        process(product, name).send_signal(signal.SIGSTOP)
    stop_leaves_nothing(product)


def test_what_dies_before_ready_ends_everything(tmp_path: Path) -> None:
    for name in ("valkey", "web", "worker"):
        product = changed_product(tmp_path, **{name: "sh -c 'echo no luck; exit 3'"})
        with pytest.raises(RuntimeError) as fault:
            product.start()
        told = f"The {name} process ended with status 3, so everything is stopped."
        assert told in str(fault.value)
        assert "It said last:\n  no luck" in str(fault.value)
        assert product.stop() == 1


def test_what_a_power_cut_has_torn_is_made_anew(at_rest: Product) -> None:
    """The schedule, without which beat could never start, and the record of the preparation."""
    product = at_rest
    folder = product.home / "run"

    def written() -> int:
        return sum(part.stat().st_size for part in folder.glob("beat-schedule*"))

    if written() <= 2 * TORN_BYTES:  # its life was too short for a schedule that can be torn
        product.start()
        wait_until(lambda: written() > 2 * TORN_BYTES, product)
        product.stop()
    schedule = {part: part.read_bytes() for part in folder.glob("beat-schedule*")}
    for part, data in schedule.items():
        if part.suffix not in (".dir", ".bak"):  # a table of contents that promises more
            part.write_bytes(data[:TORN_BYTES])
    record = folder / "prepared.json"
    prepared = record.read_text()
    record.write_text(prepared[: len(prepared) // 2])
    product.start()
    assert json.loads(record.read_text()) == json.loads(prepared)
    wait_until(lambda: written() > 2 * TORN_BYTES, product)


def test_a_broken_database_is_one_sentence(at_rest: Product) -> None:
    database = at_rest.home / "db.sqlite3"
    whole = database.read_bytes()
    database.write_bytes(b"not a database" * 500)
    with pytest.raises(RuntimeError) as fault:
        at_rest.start()
    database.write_bytes(whole)
    assert "The database at DATABASE_URL cannot be used: file is not a database" in str(fault.value)
    assert "Traceback" not in str(fault.value)


def test_a_busy_database_keeps_nothing_from_starting(at_rest: Product) -> None:
    product = at_rest
    with closing(sqlite3.connect(product.home / "db.sqlite3")) as other:
        other.execute("BEGIN IMMEDIATE")
        product.start()
        for name in ("worker", "web"):
            with started_again(product, name):
                process(product, name).kill()
        assert "Training laboratory" in home_page(product)
        other.rollback()


def test_a_long_home_starts(tmp_path: Path) -> None:
    with Product(tmp_path / ("long" * 25)) as product:
        assert "Start your first run" in home_page(product)
