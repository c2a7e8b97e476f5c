"""Two at the same moment: claims, cancels, deletions, a planned stop (AC-20, 28, 29, 30)."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from django.db import connection

from runs_app.choices import FINAL, EventKind, RunStatus
from runs_app.execution import lifecycle, queue
from runs_app.execution.leases import Claim
from runs_app.forecasting.events import EVENTS_FILE
from runs_app.forecasting.fence import LOCK_FILE
from runs_app.models import TrainingRun
from tests.faults import trainers
from tests.faults.cases.registry import Scene, case
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
from tests.faults.viewer import Viewer
from tests.faults.waiting import ask, prove, wait_for


@case()
def claims(scene: Scene) -> None:
    """Two workers claim one run at the same instant, a thousand times: one gets it."""
    queue.pause(paused=True)
    try:
        uid = launched(scene.laboratory, trainers.instant)
        pk = run_of(uid).pk
        barrier = threading.Barrier(2)

        def claim(name: str) -> Claim | None:
            barrier.wait()
            held = lifecycle.claim(pk, f"nowhere:1:{name}")
            connection.close()
            return held

        with ThreadPoolExecutor(2) as two:
            for number in range(scene.often(1000, 100)):
                held = [one for one in two.map(claim, ("a", "b")) if one]
                expect(len(held) == 1, f"{len(held)} workers have it at claim {number}")
                given = lifecycle.lose(pk, held[0].attempt, held[0].worker, "A race.", counts=False)
                prove(given, "the claim was given back")
        lifecycle.request_cancel(pk)
    finally:
        queue.pause(paused=False)


@case()
def cancel_races(scene: Scene) -> None:
    """Cancels by two users at random moments, from before the claim until after the exit."""
    lab = scene.laboratory
    count = scene.often(500, 30)

    def one(number: int) -> str:
        uid = launched(lab, trainers.instant, (37 * number) % 300)
        time.sleep(pauses[number])
        lab.user.act("cancel", uid)
        return uid

    pauses = [scene.dice.choice((0.0, 0.3, 1.0, 3.0)) * scene.dice.random() for _ in range(count)]
    with ThreadPoolExecutor(4) as users:
        uids = list(users.map(one, range(count)))
    found = set()
    for uid in uids:
        run = ended(uid)
        found.add(run.status)
        directory = lab.runs_root / uid
        log = directory / EVENTS_FILE
        said = log.read_bytes() if log.exists() else b""
        by_itself = b'"reason":"completed"' in said
        expect(
            (run.status == RunStatus.COMPLETED) == by_itself,
            f"run {uid} is {run.status}; that it ended by itself is {by_itself}",
        )
        if run.attempt == 0:
            expect(not (directory / LOCK_FILE).exists(), f"run {uid} was cancelled and started")
        told = [e.payload.get("status") for e in run.events.filter(kind=EventKind.STATUS)]
        expect(sum(status in FINAL for status in told) == 1, f"run {uid} ended more than once")
    prove(RunStatus.CANCELLED in found, "a cancel came in time")


@case()
def cancels_of_the_lost(scene: Scene) -> None:
    """A run is lost and cancelled at the same instant: cancelled, whichever comes first."""
    queue.pause(paused=True)
    try:
        uid = launched(scene.laboratory, trainers.instant)
        pk = run_of(uid).pk
        barrier = threading.Barrier(2)
        first: set[str] = set()

        def lose(held: Claim) -> None:
            barrier.wait()
            run = lifecycle.lose(pk, held.attempt, held.worker, "A race.", counts=False)
            first.add("cancel" if run is None or run.status == RunStatus.CANCELLED else "loss")
            connection.close()

        def cancel(number: int) -> None:
            barrier.wait()
            time.sleep(pauses[number])
            expect(lifecycle.request_cancel(pk), f"cancel {number} was refused")
            connection.close()

        count = scene.often(300, 40)
        pauses = [scene.dice.uniform(0, 0.005) for _ in range(count)]
        with ThreadPoolExecutor(2) as two:
            for number in range(count):
                held = lifecycle.claim(pk, "nowhere:1:race")
                prove(held, f"the run could be claimed for race {number}")
                for done in (two.submit(lose, held), two.submit(cancel, number)):  # type: ignore[arg-type]
                    done.result()
                run = run_of(uid)
                expect(
                    run.status == RunStatus.CANCELLED,
                    f"race {number}: the run is {run.status} and was asked to stop at "
                    f"{run.cancel_requested_at}",
                )
                prove(lifecycle.resume(pk, 0), "the run waits again")
        prove(first == {"cancel", "loss"}, f"only a {first} came first")
        lifecycle.request_cancel(pk)
    finally:
        queue.pause(paused=False)


@case()
def planned_stop(scene: Scene) -> None:
    """A worker is asked to end with a run active and five waiting: nothing fails, all goes on."""
    lab = scene.laboratory
    active = [launched(lab, trainers.steady) for _ in range(3)]
    for uid in active:
        trains(uid)
    waiting = [launched(lab, trainers.short, n) for n in range(5)]
    worker = worker_of(lab, active[0])
    name = run_of(active[0]).worker
    running = TrainingRun.objects.filter(worker=name, status=RunStatus.RUNNING)
    held = {r.pk: r.attempt for r in ask(lambda: list(running))}
    worker.send_signal(signal.SIGTERM)
    wait_for("its end", lambda: not worker.is_running() or worker.status() == "zombie", 60)
    expect(not ask(running.all().exists), f"{name} has ended and still holds a run")
    lab.wait_until_up()
    for run in ask(lambda: list(TrainingRun.objects.filter(pk__in=held))):
        expect(run.losses == 0, f"a planned stop counts as a loss of run {run.uid}")
    for uid in active:
        lab.user.act("cancel", uid)
    expect_status(waiting, RunStatus.COMPLETED)
    expect_status(active, RunStatus.CANCELLED)


@case()
def planned_stop_in_haste(scene: Scene) -> None:
    """A worker is asked twice, then killed, and the web process with it: nothing fails."""
    lab = scene.laboratory
    uid = launched(lab, trainers.steady)
    trains(uid)
    viewer = Viewer(lab.product.url, uid).start()
    for _ in range(scene.often(3, 1)):
        before = run_of(uid)
        worker = worker_of(lab, uid)
        for _ in range(2):
            worker.send_signal(signal.SIGTERM)
        killed(lab.process("web"))
        time.sleep(scene.dice.uniform(0, 0.5))
        killed(worker)
        lab.wait_until_up()
        trains(uid, attempt=before.attempt + 1)
    run = run_of(uid)
    expect(run.status == RunStatus.RUNNING, f"run {uid} is {run.status}: {run.message}")
    lab.user.act("cancel", uid)
    run = ended(uid)
    viewer.stop()
    expect(viewer.seqs == list(range(1, run.last_seq + 1)), f"the viewer of run {uid} has gaps")


@case()
def cancels_and_resumes(scene: Scene) -> None:
    """Two users, one cancels and one resumes the same run at the same instant."""
    lab = scene.laboratory
    uid = launched(lab, trainers.steady)
    barrier = threading.Barrier(2)
    answers: set[tuple[str, int]] = set()

    def act(action: str) -> None:
        for _ in range(scene.often(100, 15)):
            barrier.wait()
            answers.add((action, lab.user.act(action, uid)))

    trains(uid)
    with ThreadPoolExecutor(2) as two:
        for done in (two.submit(act, "cancel"), two.submit(act, "resume")):
            done.result()
    prove({("cancel", 200), ("resume", 200)} <= {(a, min(s, 200)) for a, s in answers}, answers)
    expect(all(200 <= status < 500 for _, status in answers), f"answered {sorted(answers)}")


@case()
def deletions(scene: Scene) -> None:
    """Runs are deleted while they wait, train, or are watched, and twice at once."""
    lab = scene.laboratory
    training = [launched(lab, trainers.steady) for _ in range(3)]
    for uid in training:
        trains(uid)
    waiting = launched(lab, trainers.short, 1)
    for uid in (waiting, training[0]):
        expect(lab.user.act("delete", uid) == 409, f"run {uid} is live and was deleted")
        expect(run_of(uid).status in ("pending", "running"), f"run {uid} was touched")
    watched = training[0]
    viewer = Viewer(lab.product.url, watched).start()
    lab.user.act("cancel", watched)
    ended(watched)
    with ThreadPoolExecutor(2) as users:
        answers = sorted(users.map(lambda _: lab.user.act("delete", watched), range(2)))
    expect(min(answers) < 300, f"deleting it twice was answered {answers}")
    expect(max(answers) < 500, f"deleting it twice was answered {answers}")
    viewer.stop()
    expect(viewer.over, "the viewer was not told")
    expect(lab.user.send("GET", f"/runs/{training[1]}")[0] == 200, "another run is gone")
    trains(training[1])
    expect_status([waiting], RunStatus.COMPLETED)
