"""Sudden death: trainers, workers, a host, the web process (AC-19)."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path

import psutil

from launcher.client import TINY_RUN
from runs_app.choices import JOB_FINAL, MAX_JOB_LOSSES, MAX_LOSSES, JobReason, JobState, RunStatus
from runs_app.execution.predicting import FORECAST_DIR
from runs_app.execution.predicting import MODULE as PREDICTION_MODULE
from runs_app.forecasting.events import EVENTS_FILE, Reason
from runs_app.models import Job, Slot, Worker
from tests.faults import trainers
from tests.faults.cases.registry import Scene, case
from tests.faults.laboratory import Laboratory
from tests.faults.runs import (
    ended,
    expect,
    expect_status,
    killed,
    launched,
    run_of,
    trains,
    worker_of,
)
from tests.faults.waiting import prove, wait_for

OTHER_HOST = "another-host"
REAL_SECONDS = 240.0
SECONDS_OF_LOSS = 10.0
"""Within which a job of a killed worker is free for the next."""


@case()
def trainer_killed(scene: Scene) -> None:
    """A trainer is killed at its start, in a step, in a save, after its last line."""
    lab = scene.laboratory
    for _ in range(scene.often(5, 1)):
        for program in (trainers.steady, trainers.slow_save, trainers.last_word):
            at_start = program is trainers.steady and scene.dice.random() < 0.5
            uid = launched(lab, program)
            trainer = wait_for("a trainer", partial(lab.trainer_of, uid))
            if program is trainers.last_word:
                log = lab.runs_root / uid / EVENTS_FILE
                wait_for("its last word", partial(_says, log, b"fit_finished"))
            elif not at_start:
                trains(uid)
                time.sleep(scene.dice.uniform(0, 1))
            killed(trainer)
            run = ended(uid)
            if program is trainers.last_word:
                expect(run.status == RunStatus.COMPLETED, f"run {uid}: {run.message}")
                continue
            expect(run.reason == Reason.KILLED, f"run {uid}: {run.reason}, {run.message}")
            newest = run.checkpoints.order_by("-step").first()
            if newest is None:
                continue
            expect(lab.user.act("resume", uid) < 300, f"run {uid} cannot be resumed")
            trains(uid, attempt=2)
            from_step = run_of(uid).metrics["resumed_from_step"]
            expect(from_step >= newest.step, f"run {uid} went on from {from_step}")
            lab.user.act("cancel", uid)
            ended(uid)


def _says(log: Path, word: bytes) -> bool:
    return log.exists() and word in log.read_bytes()


@case()
def worker_killed(scene: Scene) -> None:
    """A worker is killed; its run goes on elsewhere, and gives up after too many losses."""
    lab = scene.laboratory
    uid = launched(lab, trainers.steady)
    for attempt in range(1, scene.often(MAX_LOSSES + 2, 3)):
        trains(uid, attempt=attempt, steps=5)
        killed(worker_of(lab, uid))
        if attempt <= MAX_LOSSES:
            wait_for("a new attempt", lambda: run_of(uid).attempt > attempt, 30)  # noqa: B023
        lab.wait_until_up()
    run = run_of(uid)
    if scene.full:
        expect(ended(uid).reason == Reason.WORKER_LOST, f"run {uid}: {run.message}")
    else:
        expect(run.losses == 2, f"run {uid} counts {run.losses} losses")


@case()
def worker_killed_predicting(scene: Scene) -> None:
    """A worker is killed in the middle of a prediction; the next one makes it within seconds."""
    lab = scene.laboratory
    uid = launched(lab, trainers.real, max_epochs=1, overrides=["train.steps_per_epoch=20"])
    run = ended(uid, REAL_SECONDS)
    expect(run.status == RunStatus.COMPLETED, f"run {uid}: {run.message}")
    for _ in range(scene.often(MAX_JOB_LOSSES, 1)):
        _kill_predicting(lab, uid, times=1)
    if scene.full:
        _kill_predicting(lab, uid, times=MAX_JOB_LOSSES + 1)


def _kill_predicting(lab: Laboratory, uid: str, *, times: int) -> None:
    """Kill each worker that has a prediction, so many times; it is made, or given up."""
    path = f"/runs/{uid}/predictions"
    status, asked = lab.user.send("POST", path, {"source": TINY_RUN["data_source"], "last": 5})
    expect(status == 202, f"a prediction was answered with {status}")
    for attempt in range(1, times + 1):
        worker, core = wait_for(
            "a prediction at work", partial(_at_work, lab, asked["id"], attempt)
        )
        killed(worker)
        prove(not _ended_job(asked["id"]), "the prediction was not over")
        began = time.monotonic()
        wait_for("the end of its core", lambda: not core.is_running(), SECONDS_OF_LOSS)  # noqa: B023
        wait_for("its return", partial(_is_settled, asked["id"], attempt), SECONDS_OF_LOSS)
        print(f"  prediction {asked['id']}: returned after {time.monotonic() - began:.1f} s")
        lab.wait_until_up()
    job = wait_for("its end", lambda: _ended_job(asked["id"]), REAL_SECONDS)
    _, told = lab.user.send("GET", f"{path}/{job.uid}")
    if times > MAX_JOB_LOSSES:
        expect(told["reason"] == JobReason.WORKER_LOST, f"it was given up: {told['message']}")
        return
    expect(told["state"] == JobState.DONE, f"it is made: {told['message']}")
    expect((told["attempt"], len(told["rows"])) == (times + 1, 5), "by another one, whole")
    made = {file.name for file in (lab.runs_root / uid / FORECAST_DIR).iterdir()}
    expect(Path(told["file"]).name in made, f"its file is there, not only {made}")


def _at_work(
    lab: Laboratory, uid: str, attempt: int
) -> tuple[psutil.Process, psutil.Process] | None:
    """The worker that has a prediction and the process of the core that makes it."""
    job = Job.objects.get(uid=uid)
    if job.state != JobState.WORKING or job.attempt < attempt:
        return None
    pid = job.worker.split(":")[1]
    for worker in lab.workers():
        for core in worker.children() if str(worker.pid) == pid else ():
            if PREDICTION_MODULE in core.cmdline():
                return worker, core
    return None


def _is_settled(uid: str, attempt: int) -> bool:
    job = Job.objects.get(uid=uid)
    return job.state != JobState.WORKING or job.attempt > attempt


def _ended_job(uid: str) -> Job | None:
    return Job.objects.filter(uid=uid, state__in=JOB_FINAL).first()


@case()
def worker_and_trainer_killed(scene: Scene) -> None:
    """The fork server dies: the trainer with it, the worker lives and the run goes on."""
    lab = scene.laboratory
    uid = launched(lab, trainers.steady)
    trains(uid, steps=5)
    killed(_server_of(lab, uid))
    trains(uid, attempt=2)
    expect(run_of(uid).losses == 1, "the loss was not counted")
    lab.user.act("cancel", uid)
    ended(uid)
    _kill_server_below_a_family(scene)


def _kill_server_below_a_family(scene: Scene) -> None:
    """The kernel ends the trainer alone; a child of it that ignores everything ends as well."""
    lab = scene.laboratory
    uid = launched(lab, trainers.deaf)
    trains(uid)
    trainer = wait_for("a trainer", partial(lab.trainer_of, uid))
    family = [trainer, *trainer.children(recursive=True)]
    prove(len(family) > 1, "the trainer has a child")
    lab.user.act("cancel", uid)
    killed(_server_of(lab, uid))
    expect(ended(uid).status == RunStatus.CANCELLED, "the cancel takes effect")
    _, left = psutil.wait_procs(family, timeout=10)
    left = [one for one in left if one.status() != psutil.STATUS_ZOMBIE]
    expect(not left, f"processes of run {uid} live on: {left}")


def _server_of(lab: Laboratory, uid: str) -> psutil.Process:
    below = worker_of(lab, uid).children()
    return next(p for p in below if "runs_app.execution.fork_server" in p.cmdline())


@case()
def host_killed(scene: Scene) -> None:
    """Every worker, fork server and trainer is killed at once, and all comes back."""
    lab = scene.laboratory
    uids = [launched(lab, trainers.short, n) for n in range(5)]
    steady = launched(lab, trainers.steady)
    wait_for("a trainer", lambda: lab.trainers())
    doomed = [p for w in lab.workers() for p in (w, *w.children(recursive=True))]
    for process in doomed:
        process.suspend()  # none may see another one die
    for process in doomed:
        process.kill()
    psutil.wait_procs(doomed, timeout=5)
    lab.wait_until_up()
    expect_status(uids, RunStatus.COMPLETED)
    trains(steady)


@case()
def other_host_killed(scene: Scene) -> None:
    """A worker on another host is killed: nobody here can see that but by its lease."""
    lab = scene.laboratory
    if os.geteuid() != 0:
        print("OTHER HOST NOT TRIED: only root can give a process a host name of its own.")
        return
    pid = lab.add_worker(host=OTHER_HOST)
    try:
        wait_for("the other host", lambda: Worker.objects.filter(host=OTHER_HOST).exists(), 60)
        Slot.objects.exclude(host=OTHER_HOST).update(drained=True)
        uid = launched(lab, trainers.steady)
        trains(uid, steps=5)
        expect(run_of(uid).worker.startswith(OTHER_HOST), "it trains on the other host")
        worker = psutil.Process(pid)
        doomed = [worker, *worker.children(recursive=True)]
        for process in doomed:
            process.kill()
        psutil.wait_procs(doomed, timeout=5)
    finally:
        Slot.objects.update(drained=False)
    trains(uid, attempt=2)
    expect(not run_of(uid).worker.startswith(OTHER_HOST), "it goes on here")


@case()
def web_killed(scene: Scene) -> None:
    """The web process is killed; training does not notice, pages come back."""
    lab = scene.laboratory
    uid = launched(lab, trainers.steady)
    trains(uid)
    killed(lab.process("web"))
    lab.wait_until_up()
    trains(uid)
    expect_status([launched(lab, trainers.short, 1)], RunStatus.COMPLETED)
