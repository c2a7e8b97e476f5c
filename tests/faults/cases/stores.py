"""The database away or busy, the disk full (AC-22, AC-23)."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from launcher.client import TINY_RUN
from runs_app.choices import RunStatus
from runs_app.forecasting.events import Reason
from runs_app.models import DataSet, RunEvent, TrainingRun
from tests.faults import trainers
from tests.faults.cases.registry import Scene, case
from tests.faults.runs import ended, expect, expect_status, launched, run_of, trains
from tests.faults.waiting import ask, prove, wait_for

MEBIBYTE = 1024 * 1024


@case("postgres")
def postgres_restarted(scene: Scene) -> None:
    """PostgreSQL restarts with active runs."""
    _with_active_runs(scene, 0.0)


@case("postgres")
def postgres_stopped(scene: Scene) -> None:
    """PostgreSQL is away for 20 s, longer than a lease, with active runs and page views."""
    _with_active_runs(scene, float(scene.often(20, 8)))


def _with_active_runs(scene: Scene, seconds: float) -> None:
    lab = scene.laboratory
    prove(lab.postgres, "there is a PostgreSQL server")
    if lab.postgres is None:
        return
    uids = [launched(lab, trainers.steady) for _ in range(3)]
    for uid in uids:
        trains(uid)
    lab.postgres.stop()
    until = time.monotonic() + seconds
    answers = {lab.user.send("GET", "/runs")[0]}
    while time.monotonic() < until:
        answers.add(lab.user.send("GET", "/runs")[0])
        time.sleep(0.2)
    lab.postgres.start()
    prove(answers != {200}, "pages noticed nothing")
    lab.wait_until_up()
    expect(answers <= {0, 200, 503}, f"pages answered {sorted(answers)} meanwhile, not 503")
    before = {uid: run_of(uid).last_seq for uid in uids}
    for uid in uids:
        wait_for("new events", lambda uid=uid: run_of(uid).last_seq > before[uid] + 10)  # type: ignore[misc]
        expect(run_of(uid).attempt == 1, f"run {uid} was taken from its worker")


@case("postgres")
def postgres_connections_cut(scene: Scene) -> None:
    """Every connection is terminated, again and again."""
    lab = scene.laboratory
    uids = [launched(lab, trainers.steady) for _ in range(3)]
    for uid in uids:
        trains(uid)
    cut = 0
    for _ in range(scene.often(30, 6)):
        cut += lab.postgres.terminate_connections() if lab.postgres else 0
        time.sleep(scene.dice.uniform(0.1, 1.0))
    prove(cut, "connections were cut")
    connection.close()
    lab.wait_until_up()
    for uid in uids:
        trains(uid)
        expect(run_of(uid).attempt == 1, f"run {uid} was taken from its worker")


@case("sqlite")
def sqlite_busy(scene: Scene) -> None:
    """Four writers, a long reader and an online backup beside active runs: nothing is refused."""
    lab = scene.laboratory
    uids = [launched(lab, trainers.steady) for _ in range(3)]
    for uid in uids:
        trains(uid)
    stop = threading.Event()
    writes: list[float] = []
    workers = [threading.Thread(target=_write, args=(stop, writes)) for _ in range(4)]
    workers.append(threading.Thread(target=_read, args=(stop,)))
    copy = lab.base / "copy.sqlite3"
    workers.append(threading.Thread(target=_back_up, args=(stop, copy)))
    for worker in workers:
        worker.start()
    answers = []
    until = time.monotonic() + scene.often(120, 8)
    while time.monotonic() < until:
        answers.append(lab.user.send("GET", "/runs")[0])
        time.sleep(0.1)
    stop.set()
    for worker in workers:
        worker.join()
    prove(len(writes) > 50, f"only {len(writes)} writes")
    with closing(sqlite3.connect(copy)) as copied:
        (verdict,) = copied.execute("PRAGMA integrity_check").fetchone()
        (runs,) = copied.execute("SELECT count(*) FROM runs_app_trainingrun").fetchone()
    expect(verdict == "ok", f"the copy is not whole: {verdict}")
    prove(runs >= len(uids), f"the copy has {runs} runs")
    expect(set(answers) == {200}, f"pages answered {sorted(set(answers))}")
    for path in lab.logs.glob("*.log"):
        expect("database is locked" not in path.read_text(errors="replace"), f"locked: {path.name}")
    expect(all(run_of(uid).attempt == 1 for uid in uids), "a run was taken from its worker")


def _write(stop: threading.Event, writes: list[float]) -> None:
    while not stop.wait(0.01):
        with transaction.atomic():
            DataSet.objects.filter(pk=DataSet.objects.values_list("pk")[:1]).update(tries=0)
            writes.append(time.monotonic())
    connection.close()


def _read(stop: threading.Event) -> None:
    """A read transaction that stays open: the write-ahead log cannot be cut meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute("BEGIN DEFERRED")
        before = RunEvent.objects.count()
        stop.wait()
        prove(RunEvent.objects.count() == before, "the reader saw one moment")
        cursor.execute("ROLLBACK")
    connection.close()


def _back_up(stop: threading.Event, copy: Path) -> None:
    """Copy the database as it is used, page by page, again and again."""
    path = str(connection.settings_dict["NAME"])
    while True:
        with closing(sqlite3.connect(path)) as own, closing(sqlite3.connect(copy)) as other:
            own.backup(other, pages=20, sleep=0.01)
        if stop.wait(0.1):
            return


@case()
def disk_full(scene: Scene) -> None:
    """The disk that holds the runs fills up in a save; room is made, and all works again."""
    lab = scene.laboratory
    if not lab.small_disk:
        print("DISK FULL NOT TRIED: only root can mount a small file system for it.")
        return
    uid = launched(lab, trainers.large, 8)
    trains(uid)
    filler = lab.runs_root.parent / "filler"
    _fill(filler, lambda: shutil.disk_usage(lab.runs_root).free - 12_000_000)
    try:
        run = ended(uid)
        prove(shutil.disk_usage(lab.runs_root).free < 12_000_000, "the disk was full")
        expect(run.reason == Reason.DISK_FULL, f"run {uid}: {run.reason}, {run.message}")
        expect(run.checkpoints.exists(), "it had saved before")
        for path in ("/", "/runs", f"/runs/{uid}"):
            expect(lab.user.send("GET", path)[0] == 200, f"{path} cannot be read")
        held_back = lab.user.launch(trainers.short, 1)
        if held_back:
            wait_for("its row", lambda: TrainingRun.objects.filter(uid=held_back).exists())
    finally:
        filler.unlink()
    expect_status([uid for uid in [held_back] if uid], RunStatus.COMPLETED)
    expect_status([launched(lab, trainers.short, 2)], RunStatus.COMPLETED)


@case()
def database_disk_full(scene: Scene) -> None:
    """The database's disk fills up to the last byte beside active runs; then room is made.

    On SQLite logs and locks lie on the same disk.
    """
    lab = scene.laboratory
    disk = lab.database_disk
    if disk is None:
        print("A FULL DATABASE WAS NOT TRIED: only root can mount a small file system for it.")
        return
    uids = [launched(lab, trainers.steady) for _ in range(2)]
    for uid in uids:
        trains(uid)
    before = {uid: run_of(uid).last_seq for uid in uids}
    filler = disk / "filler"
    read: set[int] = set()
    launches: set[int] = set()
    stored: list[int] = []
    until = time.monotonic() + scene.often(60, 12)
    try:
        while time.monotonic() < until:
            _fill_up(filler)
            read.add(lab.user.send("GET", "/runs")[0])
            read.add(lab.user.send("GET", f"/runs/{uids[0]}")[0])
            launches.add(lab.user.send("POST", "/runs", {"config": _short(1)})[0])
            stored.append(sum(run_of(uid).last_seq for uid in uids))
            time.sleep(0.1)
        prove(shutil.disk_usage(disk).free < MEBIBYTE, "the disk is full")
        prove(len(set(stored[-5:])) == 1 or 503 in launches, f"nobody noticed: {launches}")
    finally:
        filler.unlink()
    if lab.postgres:
        lab.postgres.start()  # what a service manager would do where it has ended
    lab.wait_until_up()
    expect(read <= {200, 503}, f"pages answered {sorted(read)}")
    expect(launches <= {201, 503, 507}, f"launches were answered {sorted(launches)}")
    for uid in uids:
        wait_for("new events", lambda uid=uid: run_of(uid).last_seq > before[uid] + 10)  # type: ignore[misc]
        expect(run_of(uid).attempt == 1, f"run {uid} was taken from its worker")
    known = set(ask(lambda: list(TrainingRun.objects.values_list("uid", flat=True))))
    folders = {folder.name for folder in lab.runs_root.iterdir()}
    expect(folders <= known, f"no row has the folders {sorted(folders - known)}")
    expect_status([launched(lab, trainers.short, 2)], RunStatus.COMPLETED)


def _short(parameter: int) -> dict[str, Any]:
    return TINY_RUN | {"seed": trainers.seed_of(trainers.short, parameter)}


def _fill_up(path: Path) -> None:
    """Take what is free, and again what is freed meanwhile."""
    with path.open("ab", buffering=0) as stream, suppress(OSError):
        while True:
            stream.write(bytes(MEBIBYTE))
    with path.open("ab", buffering=0) as stream, suppress(OSError):
        while True:
            stream.write(bytes(4096))


def _fill(path: object, room: Callable[[], int]) -> None:
    with open(str(path), "wb") as stream, suppress(OSError):  # noqa: PTH123
        while (left := room()) > 0:
            stream.write(b"\0" * min(left, 4_000_000))
            stream.flush()
