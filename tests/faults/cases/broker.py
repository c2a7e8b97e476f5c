"""The broker away, emptied, deaf, and its messages lost or repeated (AC-21, AC-28, S10)."""

from __future__ import annotations

import time

import redis
from celery import current_app
from django.conf import settings

from runs_app.choices import RunStatus
from runs_app.execution.wakeups import RUN_TRAINING
from tests.faults import trainers
from tests.faults.cases.registry import Scene, case
from tests.faults.runs import ended, expect, expect_status, killed, launched, run_of, trains
from tests.faults.waiting import prove


def broker() -> redis.Redis:
    """A client of the product's Valkey."""
    return redis.Redis.from_url(settings.REDIS_URL)


@case()
def valkey_killed(scene: Scene) -> None:
    """Valkey dies with active and waiting runs and comes back empty."""
    lab = scene.laboratory
    active = launched(lab, trainers.steady)
    trains(active)
    uids = [launched(lab, trainers.short, n) for n in range(scene.often(20, 5))]
    killed(lab.process("valkey"))
    lab.wait_until_up()
    expect_status(uids, RunStatus.COMPLETED)
    trains(active)


@case()
def valkey_flushed(scene: Scene) -> None:
    """Everything in Valkey is lost again and again; nothing is lost but time."""
    lab = scene.laboratory
    active = launched(lab, trainers.steady)
    trains(active)
    uids = []
    for number in range(scene.often(20, 5)):
        uids.append(launched(lab, trainers.short, number))
        prove(broker().flushall(), "Valkey was emptied")
    cancelled = launched(lab, trainers.steady)
    broker().flushall()
    lab.user.act("cancel", cancelled)
    expect(ended(cancelled).status == RunStatus.CANCELLED, "a cancel takes effect")
    expect_status(uids, RunStatus.COMPLETED)
    expect(all(run_of(uid).attempt == 1 for uid in uids), "each ran once")
    expect(run_of(active).attempt == 1, "the active run went on")


@case()
def valkey_stopped(scene: Scene) -> None:
    """Valkey answers nothing for a while: launch and cancel meanwhile."""
    lab = scene.laboratory
    active = launched(lab, trainers.steady)
    trains(active)
    with lab.paused(lab.process("valkey")):
        meanwhile = lab.user.launch(trainers.short, 1)
        cancelled = lab.user.act("cancel", active)
        time.sleep(scene.often(30, 3))
    lab.wait_until_up()
    if meanwhile:
        expect_status([meanwhile], RunStatus.COMPLETED)
    if 200 <= cancelled < 300:
        expect(ended(active).status == RunStatus.CANCELLED, "a cancel takes effect")


@case()
def valkey_cut(scene: Scene) -> None:
    """Every connection to Valkey is cut, again and again, for two minutes."""
    lab = scene.laboratory
    active = launched(lab, trainers.steady)
    trains(active)
    uids = [launched(lab, trainers.short, n) for n in range(scene.often(20, 3))]
    workers = {process.pid for process in lab.workers()}
    cut = 0
    until = time.monotonic() + scene.often(120, 8)
    with broker() as queue:
        while time.monotonic() < until:
            for kind in ("normal", "pubsub"):
                cut += int(queue.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"))
            time.sleep(scene.dice.uniform(0.05, 0.5))
    prove(cut > 10, f"only {cut} connections were cut")
    expect_status(uids, RunStatus.COMPLETED)
    expect(all(run_of(uid).attempt == 1 for uid in (active, *uids)), "each ran once")
    expect({process.pid for process in lab.workers()} == workers, "a worker ended for it")
    trains(active)


@case()
def messages_lost(scene: Scene) -> None:
    """No message ever comes, nor does the sweep: workers start what waits by themselves."""
    lab = scene.laboratory
    with lab.paused(lab.process("beat")):
        uids = []
        for number in range(3):
            queue = broker()
            with lab.paused(lab.process("valkey")):
                uid = lab.user.launch(trainers.short, number)
            queue.flushall()
            if uid:
                uids.append(uid)
        prove(uids, "runs were launched")
        expect_status(uids, RunStatus.COMPLETED)
    expect(all(run_of(uid).attempt == 1 for uid in uids), "each ran once")


@case()
def messages_repeated(scene: Scene) -> None:
    """The same message five times at once and again later: one attempt, one trainer."""
    lab = scene.laboratory
    uids = [launched(lab, trainers.steady) for _ in range(2)]
    pks = [run_of(uid).pk for uid in uids]
    for _ in range(2):
        for pk in pks:
            for _ in range(5):
                current_app.send_task(RUN_TRAINING, args=[pk])
        for uid in uids:
            trains(uid)
    ended_first = launched(lab, trainers.instant, 1)
    expect_status([ended_first], RunStatus.COMPLETED)
    for _ in range(5):
        current_app.send_task(RUN_TRAINING, args=[run_of(ended_first).pk])
    expect_status([launched(lab, trainers.short, 1)], RunStatus.COMPLETED)
    for uid in (*uids, ended_first):
        expect(run_of(uid).attempt == 1, f"run {uid} has {run_of(uid).attempt} attempts")
    expect(len(lab.trainers()) == 2, "two trainers work")
