"""What stands still: a worker, a trainer, the web process (AC-19, AC-27)."""

from __future__ import annotations

import time
from typing import Any

from runs_app.choices import EventKind, RunStatus
from runs_app.forecasting.events import Reason
from tests.faults import trainers
from tests.faults.cases.registry import Scene, case
from tests.faults.runs import ended, expect, launched, run_of, trains, worker_of
from tests.faults.waiting import prove, wait_for

STALL: dict[str, Any] = {"overrides": ["train.stall_minutes=0.05"]}


@case()
def worker_stopped(scene: Scene) -> None:
    """A worker stands still for longer than its lease; its writes are refused when it returns."""
    lab = scene.laboratory
    uid = launched(lab, trainers.steady)
    before = trains(uid, steps=5)
    worker = worker_of(lab, uid)
    first = lab.trainer_of(uid)
    prove(first, "a trainer works")
    with lab.paused(worker):
        after = trains(uid, attempt=2)
        expect(after.worker != before.worker, "another worker has it")
        expect(first and not first.is_running(), "the first trainer is gone")
    trains(uid, attempt=2, steps=20)
    wait_for("a run on the returned worker's slot", lambda: lab.workers())
    expect(run_of(uid).attempt == 2, "the returned worker has taken nothing")


@case()
def trainer_stopped(scene: Scene) -> None:
    """A trainer that stands still is ended as stalled."""
    lab = scene.laboratory
    uid = launched(lab, trainers.steady, **STALL)
    trains(uid)
    trainer = lab.trainer_of(uid)
    prove(trainer, "a trainer works")
    if trainer:
        trainer.suspend()
    run = ended(uid)
    expect(run.reason == Reason.STALLED, f"run {uid}: {run.reason}, {run.message}")


@case()
def trainer_stuck(scene: Scene) -> None:
    """A lock for ever while a thread still prints: stalled, with the stacks in the log."""
    lab = scene.laboratory
    uid = launched(lab, trainers.stuck, **STALL)
    run = ended(uid)
    expect(run.reason == Reason.STALLED, f"run {uid}: {run.reason}, {run.message}")
    said = [e.payload["message"] for e in run.events.filter(kind=EventKind.LOG)]
    for words in ("most recent call first", "in stuck", "in chatter"):
        expect(any(words in line for line in said), f"no {words!r} in the log of run {uid}")


@case()
def trainer_slow(scene: Scene) -> None:
    """Slow but real progress is never ended."""
    uid = launched(scene.laboratory, trainers.slow, **STALL)
    run = ended(uid)
    expect(run.status == RunStatus.COMPLETED, f"run {uid}: {run.message}")


@case()
def trainer_deaf(scene: Scene) -> None:
    """A trainer and a child of it that ignore the request: asked a second time, both are killed."""
    lab = scene.laboratory
    uid = launched(lab, trainers.deaf)
    trains(uid)
    lab.user.act("cancel", uid)
    time.sleep(1.2)
    prove(run_of(uid).status == RunStatus.RUNNING, "it did not obey")
    lab.user.act("cancel", uid)
    expect(ended(uid, 20).status == RunStatus.CANCELLED, "it is cancelled")


@case()
def web_stopped(scene: Scene) -> None:
    """The web process stands still for a while; training goes on, and pages afterwards."""
    lab = scene.laboratory
    uid = launched(lab, trainers.steady)
    trains(uid)
    with lab.paused(lab.process("web")):
        stored = run_of(uid).last_seq
        wait_for("events meanwhile", lambda: run_of(uid).last_seq > stored + 50)
    lab.wait_until_up()
    expect(run_of(uid).attempt == 1, "the run was not touched")
