"""An attempt that ends without its run: what it left is kept, and the next one goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from runs_app.choices import RunStatus
from runs_app.execution import lifecycle, recorder, recovery, slots, worker_process
from runs_app.execution.feed import Feed
from runs_app.execution.leases import Claim
from runs_app.execution.patience import Patience
from runs_app.execution.pulse import Pulse
from runs_app.execution.trainer_process import TrainerServer
from runs_app.forecasting import events
from runs_app.forecasting.events import Reason
from runs_app.forecasting.fence import read_attempt
from runs_app.models import Slot, TrainingRun, Worker
from tests.execution import programs
from tests.execution.conftest import Background, claim, directory, supervise
from tests.execution.test_supervisor import wait_for

MakeRun = Callable[..., TrainingRun]


def leave(run: TrainingRun, *lines: events.Event, console: bytes = b"") -> None:
    """What a trainer wrote before its worker was lost."""
    with (directory(run) / events.EVENTS_FILE).open("ab") as stream:
        stream.writelines(events.to_line(line) for line in lines)
    with (directory(run) / events.CONSOLE_FILE).open("ab") as stream:
        stream.write(console)


def lose(run: TrainingRun, held: Claim) -> None:
    assert lifecycle.lose(run.pk, held.attempt, held.worker, "Its worker was lost.") is not None


def test_what_a_lost_attempt_left_is_stored_as_its_own(
    make_run: MakeRun, server: TrainerServer
) -> None:
    run = make_run("complete")
    held = claim(run)
    leave(run, programs.step(1), programs.step(2), console=b"one\ntwo\n")
    lose(run, held)

    supervise(claim(run, "worker-2"), server)

    run.refresh_from_db()
    assert (run.status, run.attempt) == (RunStatus.COMPLETED, 2)
    metrics = run.events.filter(kind="metrics").order_by("seq")
    assert [(e.attempt, e.payload["step"]) for e in metrics][:3] == [(1, 1), (1, 2), (2, 1)]
    log = [(e.attempt, e.payload["line"]) for e in run.events.filter(kind="log").order_by("seq")]
    assert log[0][0] == 1
    assert log[-1] == (2, 1)
    assert [e.seq for e in run.events.order_by("seq")] == list(range(1, run.last_seq + 1))
    assert read_attempt(directory(run)) == 2


@pytest.mark.parametrize(
    ("word", "status", "reason"),
    [
        (events.FitFinished(reason=Reason.COMPLETED, message="Done."), "completed", "completed"),
        (events.FitFailed(reason=Reason.DATA, message="Row 7 has no close."), "failed", "data"),
    ],
)
def test_a_fit_that_had_ended_is_not_trained_again(
    make_run: MakeRun, server: TrainerServer, word: events.Event, status: str, reason: str
) -> None:
    run = make_run("complete")
    held = claim(run)
    leave(run, programs.step(1), word)
    lose(run, held)

    supervise(claim(run, "worker-2"), server)

    run.refresh_from_db()
    assert (run.status, run.reason, run.message) == (status, reason, word.message)
    assert run.events.filter(kind="metrics").count() == 1


def test_an_interrupted_fit_goes_on(make_run: MakeRun, server: TrainerServer) -> None:
    run = make_run("complete")
    held = claim(run)
    leave(run, events.FitFinished(reason=Reason.CANCELLED, message="Stopped."))
    lose(run, held)

    supervise(claim(run, "worker-2"), server)

    run.refresh_from_db()
    assert (run.status, run.step) == (RunStatus.COMPLETED, 3)


def test_a_run_without_its_directory_says_so(make_run: MakeRun, server: TrainerServer) -> None:
    run = make_run()
    (directory(run) / "program").unlink()
    (directory(run) / "config.yaml").unlink()
    directory(run).rmdir()

    supervise(claim(run), server)

    run.refresh_from_db()
    assert (run.status, run.reason) == (RunStatus.FAILED, "data")
    assert "directory of this run is missing" in run.message
    assert not directory(run).exists()


def test_a_configuration_edited_in_the_database_is_refused(
    make_run: MakeRun, server: TrainerServer
) -> None:
    run = make_run()
    TrainingRun.objects.filter(pk=run.pk).update(config=run.config | {"_target_": "os.system"})

    supervise(claim(run), server)

    run.refresh_from_db()
    assert (run.status, run.reason) == (RunStatus.FAILED, "config")
    assert "_target_" in run.message


def test_a_trainer_that_hangs_is_ended_with_its_stacks_in_the_log(
    make_run: MakeRun, server: TrainerServer
) -> None:
    run = make_run("hangs")
    limit = {**run.config, "train": {**run.config["train"], "stall_minutes": 0.05}}
    TrainingRun.objects.filter(pk=run.pk).update(config=limit)

    supervise(claim(run), server)

    run.refresh_from_db()
    assert (run.status, run.reason) == (RunStatus.FAILED, "stalled")
    assert "train.stall_minutes" in run.message
    text = (directory(run) / "console.log").read_text()
    assert "programs.py" in text
    assert " in hangs" in text


def test_slow_but_real_progress_is_not_stopped(make_run: MakeRun, server: TrainerServer) -> None:
    run = make_run("slow_but_sure")
    limit = {**run.config, "train": {**run.config["train"], "stall_minutes": 0.05}}
    TrainingRun.objects.filter(pk=run.pk).update(config=limit)

    supervise(claim(run), server)

    run.refresh_from_db()
    assert run.status == RunStatus.COMPLETED


def test_a_trainer_that_never_begins_is_ended(
    make_run: MakeRun, server: TrainerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runs_app.execution.stall.START_SECONDS", 0.5)
    run = make_run("half_second")
    (directory(run) / "program").write_text("never_begins")

    supervise(claim(run), server)

    run.refresh_from_db()
    assert (run.status, run.reason) == (RunStatus.FAILED, "stalled")
    assert "did not begin to work" in run.message


def test_a_short_outage_of_the_database_is_sat_out(
    make_run: MakeRun, server: TrainerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = _Away(monkeypatch)
    run = make_run("slow_steps")
    background = Background(run, server)
    wait_for(lambda: run.events.filter(kind="metrics").count() >= 3)
    seen = run.events.filter(kind="metrics").count()

    away.begin()
    wait_for(lambda: away.refused >= 3)
    away.end()
    wait_for(lambda: run.events.filter(kind="metrics").count() > seen + 20)
    lifecycle.request_cancel(run.pk)
    background.join()

    run.refresh_from_db()
    assert (run.status, run.attempt) == (RunStatus.CANCELLED, 1)
    steps = [e.payload["step"] for e in run.events.filter(kind="metrics").order_by("seq")]
    assert steps == list(range(1, len(steps) + 1))


def test_a_long_outage_stops_the_trainer_and_the_run_goes_on_later(
    make_run: MakeRun, server: TrainerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runs_app.execution.patience.OUTAGE_SECONDS", 0.5)
    away = _Away(monkeypatch)
    run = make_run("slow_steps")
    background = Background(run, server)
    wait_for(lambda: run.events.filter(kind="metrics").count() >= 3)

    away.begin()
    wait_for(lambda: b"fit_finished" in (directory(run) / events.EVENTS_FILE).read_bytes())
    away.end()
    background.join()

    run.refresh_from_db()
    assert (run.status, run.losses) == (RunStatus.PENDING, 0)
    assert "database was away" in run.message
    written = (directory(run) / events.EVENTS_FILE).read_bytes().count(b'"kind":"step"')
    assert run.events.filter(kind="metrics").count() == written


class _Away:
    """Lets the recorder find no database for a while."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._real = recorder.record
        self._away = threading.Event()
        self.refused = 0
        self.begin = self._away.set
        self.end = self._away.clear
        monkeypatch.setattr("runs_app.execution.feed.record", self._record)

    def _record(self, held: Claim, batch: recorder.Batch, *, attempt: int) -> int:
        if self._away.is_set():
            self.refused += 1
            raise OperationalError("the connection was refused")
        return self._real(held, batch, attempt=attempt)


def test_a_worker_that_ended_is_known_at_once(make_run: MakeRun) -> None:
    code = (
        "import django; django.setup();"
        "from runs_app.execution.worker_process import own_name; print(own_name(), flush=True);"
        "input()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "aistempre.settings"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert other.stdout is not None
    name = other.stdout.readline().strip()
    run = make_run()
    claim(run, name)

    assert not worker_process.is_gone(name)
    assert recovery.recover_lost() == []
    other.kill()
    other.wait()

    assert worker_process.is_gone(name)
    assert [lost.pk for lost in recovery.recover_lost()] == [run.pk]
    run.refresh_from_db()
    assert "The worker that trained this run ended in the middle of it." in run.message
    assert not worker_process.is_gone(worker_process.own_name())
    assert not worker_process.is_gone("another-host:1:abc")


def test_a_pulse_shows_the_worker_and_starts_what_nobody_announced(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runs_app.execution.pulse.DEAF_SECONDS", 0.2)
    started = threading.Event()
    pulse = Pulse(started.set, threading.Event())

    pulse.beat()
    run = make_run()
    pulse.beat()
    assert not started.is_set()
    earlier = timezone.now() - timedelta(seconds=9)
    TrainingRun.objects.filter(pk=run.pk).update(queued_at=earlier)
    pulse.beat()

    assert started.wait(5)
    worker = Worker.objects.get()
    assert (worker.host, worker.pid) == (slots.host_name(), os.getpid())
    assert worker.disk_total > worker.disk_free > 0
    assert [slot.name for slot in Slot.objects.all()] == ["cpu-0"]


def test_a_pulse_clears_slots_of_runs_that_have_ended(make_run: MakeRun) -> None:
    run = make_run()
    Pulse(lambda: None, threading.Event()).beat()
    held = lifecycle.claim(run.pk, f"{slots.host_name()}:1:x", ("cpu-0",))
    assert held is not None
    assert Slot.objects.get().run == run
    TrainingRun.objects.filter(pk=run.pk).update(status="failed")

    Pulse(lambda: None, threading.Event()).beat()

    assert Slot.objects.get().run is None


def test_a_stopped_worker_leaves_no_slot_behind(make_run: MakeRun, server: TrainerServer) -> None:
    run = make_run("slow_steps")
    background = Background(run, server)
    wait_for(lambda: run.events.filter(kind="metrics").exists())
    began = time.monotonic()
    background.stopping.set()
    background.join()

    assert time.monotonic() - began < 10
    again = slots.acquire()
    assert again is not None
    again.release()


def test_a_word_that_was_obeyed_once_ends_no_later_attempt(
    make_run: MakeRun, server: TrainerServer
) -> None:
    run = make_run("bad_data")
    supervise(claim(run), server)
    run.refresh_from_db()
    assert (run.status, run.reason) == (RunStatus.FAILED, "data")
    (directory(run) / "program").write_text("complete")
    assert lifecycle.resume(run.pk, 0) is not None
    second = claim(run, "worker-2")
    lose(run, second)  # before its trainer wrote a word

    supervise(claim(run, "worker-3"), server)

    run.refresh_from_db()
    assert (run.status, run.attempt) == (RunStatus.COMPLETED, 3)


def test_an_attempt_that_is_lost_before_its_first_word_is_not_ended_by_an_older_one(
    make_run: MakeRun, server: TrainerServer
) -> None:
    run = make_run("bad_data")
    supervise(claim(run), server)
    lifecycle.resume(run.pk, 0)
    held = claim(run, "nobody:1:x")
    Feed(held, directory(run), Patience(lambda: False)).begin()
    recovery.recover_lost()
    TrainingRun.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))

    assert [lost.status for lost in recovery.recover_lost()] == [RunStatus.PENDING]


def test_a_start_that_finds_no_database_says_so_and_ends_quietly(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    died: list[object] = []
    monkeypatch.setattr(threading, "excepthook", died.append)
    run = make_run()
    earlier = timezone.now() - timedelta(seconds=9)
    TrainingRun.objects.filter(pk=run.pk).update(queued_at=earlier)

    def away() -> None:
        raise OperationalError("the server closed the connection")

    Pulse(away, threading.Event()).beat()
    wait_for(lambda: not [t for t in threading.enumerate() if t.name == "unasked"])

    assert died == []
    assert "Nothing was started unasked" in caplog.text
