"""Real child processes under the real supervisor: every way a trainer can end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from runs_app.choices import EventKind, RunStatus
from runs_app.execution import lifecycle, reconcile
from runs_app.execution.trainer_process import TrainerServer
from runs_app.forecasting.events import EVENTS_FILE, Reason
from runs_app.log_lines import entries_of
from runs_app.models import RunEvent, TrainingRun
from tests.execution import programs
from tests.execution.conftest import Background, claim, directory, supervise
from tests.factories import make_checkpoint

Train = Callable[[str], TrainingRun]


def events(run: TrainingRun, kind: str | None = None) -> list[RunEvent]:
    found = run.events.order_by("seq")
    return list(found.filter(kind=kind) if kind else found)


def log_lines(run: TrainingRun) -> list[str]:
    return [line["message"] for event in events(run, EventKind.LOG) for line in entries_of(event)]


def wait_for(condition: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def assert_gap_free(run: TrainingRun) -> None:
    assert [event.seq for event in events(run)] == list(range(1, run.last_seq + 1))


def test_a_fit_that_completes(train: Train) -> None:
    run = train("complete")

    assert (run.status, run.reason, run.message) == ("completed", "completed", "Ended: completed.")
    assert_gap_free(run)
    assert events(run)[-1].payload == {
        "status": "completed",
        "attempt": 1,
        "reason": "completed",
        "message": "Ended: completed.",
    }
    metrics = [event.payload for event in events(run, EventKind.METRICS)]
    assert [data["step"] for data in metrics] == [1, 2, 3, 3]
    assert metrics[-1]["val_nll"] == "NaN"
    assert "val_f1" not in metrics[-1]
    assert log_lines(run) == ["hello from the trainer"]
    assert (run.epoch, run.step, run.train_loss, run.val_loss) == (1, 3, 0.4, 0.25)
    assert run.best_val_loss == 0.25
    assert run.metrics["eta_minutes"] == 1.5
    assert run.metrics["ram_total_mb"] > 0
    assert run.lease_until is None
    assert run.finished_at is not None


def test_what_a_fit_leaves_is_registered(train: Train) -> None:
    run = train("complete")

    found = {artifact.path: artifact for artifact in run.artifacts.all()}
    assert set(found) == {
        "config.yaml",
        "events.jsonl",
        "console.log",
        "metrics.json",
        "passport.json",
        "checkpoints/checkpoint-epoch1.ckpt",
        "checkpoints/best.ckpt",
    }
    for path, artifact in found.items():
        assert artifact.size_bytes == (directory(run) / path).stat().st_size
        assert len(artifact.sha256) == 64
    kinds = {path: artifact.kind for path, artifact in found.items()}
    assert kinds["checkpoints/best.ckpt"] == "checkpoint"
    assert kinds["config.yaml"] == "config"
    checkpoint = run.checkpoints.get()
    assert (checkpoint.path, checkpoint.epoch, checkpoint.is_best) == (
        "checkpoints/checkpoint-epoch1.ckpt",
        1,
        True,
    )


@pytest.mark.parametrize(
    ("program", "reason", "words"),
    [
        ("exit_one", "bug", "exit code 1"),
        ("bad_data", "data", "Row 7 has no close."),
        ("silent_zero", "bug", "reported no result"),
        ("killed", "killed", "SIGKILL"),
        ("segfault", "bug", "SIGSEGV"),
        ("torn", "killed", "SIGKILL"),
    ],
)
def test_a_fit_that_fails(train: Train, program: str, reason: str, words: str) -> None:
    run = train(program)

    assert (run.status, run.reason) == (RunStatus.FAILED, reason)
    assert words in run.message
    assert_gap_free(run)


def test_what_a_killed_trainer_was_writing_goes(train: Train) -> None:
    run = train("killed_in_a_save")

    assert run.status == RunStatus.FAILED
    assert list((directory(run) / "checkpoints").iterdir()) == []


def test_a_failure_keeps_the_last_log_lines(train: Train) -> None:
    run = train("exit_one")

    tail = events(run)[-1].payload["log_tail"]
    assert tail[-1] == "RuntimeError: the numbers do not add up"
    assert "the numbers do not add up" in run.message
    assert any(event.payload.get("level") == "error" for event in events(run, EventKind.LOG))


def test_any_bytes_survive(train: Train) -> None:
    run = train("odd_bytes")

    assert log_lines(run) == [
        "\ufffd\ufffd bytes \ufffd red",
        "100%",
        "",
        "no newline at the end",
    ]
    assert (directory(run) / "console.log").read_bytes() == programs.ODD_BYTES


def test_a_very_long_line_comes_in_pieces(train: Train) -> None:
    run = train("long_line")

    lines = log_lines(run)
    assert [len(line) for line in lines] == [64 * 1024] * 3 + [8 * 1024]
    marks = [event.payload.get("continued", False) for event in events(run, EventKind.LOG)]
    assert marks == [False, True, True, True]


def test_a_flood_is_stored_whole_and_in_order(train: Train) -> None:
    run = train("flood")

    assert run.status == RunStatus.COMPLETED
    assert log_lines(run) == [f"line {number}" for number in range(programs.FLOOD_LINES)]
    stored = events(run, EventKind.LOG)
    assert len(stored) < programs.FLOOD_LINES / 20
    numbers = [line["line"] for event in stored for line in entries_of(event)]
    assert numbers == list(range(1, programs.FLOOD_LINES + 1))
    steps = [event.payload["step"] for event in events(run, EventKind.METRICS)]
    assert steps == list(range(1, 2001))
    assert_gap_free(run)


def test_torn_and_foreign_lines_are_told_apart_from_events(train: Train) -> None:
    run = train("torn")

    assert [event.payload["step"] for event in events(run, EventKind.METRICS)] == [1]
    assert any("is no event" in line for line in log_lines(run))


def test_the_trainer_sees_only_what_it_should(train: Train) -> None:
    run = train("surroundings")

    seen = dict(line.split(" ", 1) for line in log_lines(run))
    assert seen["cwd"] == str(directory(run))
    assert seen["session"] == "True"
    assert seen["umask"] == "0o77"
    assert seen["modules"] == "[]"
    assert "DATABASE_URL" not in seen["environ"]
    assert "AISTEMPRE_HOME" not in seen["environ"]
    assert "DATA_ROOT" in seen["environ"]


def test_cancel_lets_the_trainer_save(
    make_run: Callable[..., TrainingRun], server: TrainerServer
) -> None:
    run = make_run("slow_steps")
    background = Background(run, server)
    wait_for(lambda: run.events.filter(kind=EventKind.METRICS).count() >= 3)

    began = time.monotonic()
    lifecycle.request_cancel(run.pk)
    background.join()

    run.refresh_from_db()
    assert (run.status, run.reason) == (RunStatus.CANCELLED, "cancelled")
    assert run.message == "Ended: cancelled."
    assert time.monotonic() - began < 2
    assert_gap_free(run)


def test_a_second_cancel_kills_the_trainer_and_its_children(
    make_run: Callable[..., TrainingRun], server: TrainerServer
) -> None:
    run = make_run("deaf")
    background = Background(run, server)
    wait_for(lambda: run.events.filter(kind=EventKind.METRICS).exists())
    child = psutil.Process(int((directory(run) / "child-pid").read_text()))

    lifecycle.request_cancel(run.pk)
    time.sleep(1.1)
    lifecycle.request_cancel(run.pk)
    background.join(5)

    run.refresh_from_db()
    assert run.status == RunStatus.CANCELLED
    assert "was killed" in run.message
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 3)


def test_a_deaf_trainer_is_killed_after_the_grace(
    make_run: Callable[..., TrainingRun], server: TrainerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runs_app.execution.stop_wish.CANCEL_GRACE_SECONDS", 0.5)
    run = make_run("deaf")
    background = Background(run, server)
    wait_for(lambda: run.events.filter(kind=EventKind.METRICS).exists())

    lifecycle.request_cancel(run.pk)
    background.join(5)

    run.refresh_from_db()
    assert run.status == RunStatus.CANCELLED


def test_a_worker_that_is_stopped_gives_its_run_back(
    make_run: Callable[..., TrainingRun], server: TrainerServer
) -> None:
    run = make_run("slow_steps")
    background = Background(run, server)
    wait_for(lambda: run.events.filter(kind=EventKind.METRICS).exists())

    background.stopping.set()
    background.join(5)

    run.refresh_from_db()
    assert (run.status, run.reason, run.losses) == (RunStatus.PENDING, "", 0)
    assert "was stopped while" in run.message


def test_a_lost_lease_ends_the_trainer_and_writes_nothing_more(
    make_run: Callable[..., TrainingRun], server: TrainerServer
) -> None:
    run = make_run("deaf")
    background = Background(run, server)
    wait_for(lambda: run.events.filter(kind=EventKind.METRICS).exists())
    pid = int((directory(run) / "child-pid").read_text())

    TrainingRun.objects.filter(pk=run.pk).update(worker="somebody else")
    background.join(5)

    run.refresh_from_db()
    assert run.status == RunStatus.RUNNING
    wait_for(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie")


def test_a_signal_to_the_fork_server_ends_no_trainer(
    make_run: Callable[..., TrainingRun], server: TrainerServer
) -> None:
    run = make_run("half_second")
    background = Background(run, server)
    wait_for(lambda: server.pid)
    assert server.pid is not None
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(server.pid, number)
    background.join(10)

    run.refresh_from_db()
    assert run.status == RunStatus.COMPLETED


def test_a_cancel_right_after_the_claim_ends_the_trainer(
    make_run: Callable[..., TrainingRun], server: TrainerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runs_app.execution.stop_wish.CANCEL_GRACE_SECONDS", 2.0)
    run = make_run("deaf")
    held = claim(run)
    lifecycle.request_cancel(run.pk)
    supervise(held, server)

    run.refresh_from_db()
    assert run.status == RunStatus.CANCELLED
    assert run.finished_at is not None
    assert run.started_at is not None
    assert (run.finished_at - run.started_at).total_seconds() < 9.5


def test_a_supervisor_that_fails_says_so_and_leaves_no_process(
    make_run: Callable[..., TrainingRun], server: TrainerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no such sensor")

    monkeypatch.setattr("runs_app.execution.supervisor.Sampler.sample", broken)
    run = make_run("deaf")
    background = Background(run, server)
    background.join(5)

    run.refresh_from_db()
    assert (run.status, run.reason) == (RunStatus.FAILED, "bug")
    assert "no such sensor" in run.message
    assert not [p for p in psutil.process_iter() if _works_in(p, directory(run))]


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.cwd() == str(folder)
    except psutil.Error:
        return False


def test_trainers_die_with_their_fork_server(
    make_run: Callable[..., TrainingRun],
) -> None:
    doomed = TrainerServer(programs.ENTRY, ("tests.execution.programs",))
    run = make_run("slow_steps")
    background = Background(run, doomed)
    wait_for(lambda: run.events.filter(kind=EventKind.METRICS).exists())

    assert doomed.pid is not None
    os.kill(doomed.pid, 9)
    background.join(5)

    run.refresh_from_db()
    assert (run.status, run.losses) == (RunStatus.PENDING, 1)
    doomed.close()


def test_a_fault_that_was_reported_and_settled_is_not_obeyed_twice(
    train: Callable[[str], TrainingRun], server: TrainerServer
) -> None:
    run = train("bad_data")
    assert (run.status, run.reason) == (RunStatus.FAILED, "data")
    make_checkpoint(run, step=2)
    (directory(run) / "program").write_text("complete")

    assert lifecycle.resume(run.pk, 2) is not None
    supervise(claim(run), server)

    run.refresh_from_db()
    assert (run.status, run.attempt) == (RunStatus.COMPLETED, 2), run.message


def test_a_supervisor_that_meets_a_fault_still_lists_the_files(
    make_run: Callable[..., TrainingRun],
    server: TrainerServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = make_run("slow_steps")
    samples = iter(range(2))

    def break_later(self: object, pid: object) -> dict[str, object]:
        if next(samples, None) is None:
            raise RuntimeError("no more samples")
        return {}

    monkeypatch.setattr("runs_app.execution.supervisor.Sampler.sample", break_later)
    monkeypatch.setattr("runs_app.execution.supervisor.SAMPLE_SECONDS", 0.2)
    supervise(claim(run), server)

    run.refresh_from_db()
    assert (run.status, run.reason) == (RunStatus.FAILED, Reason.BUG), run.message
    assert "no more samples" in run.message
    sizes = dict(run.artifacts.values_list("path", "size_bytes"))
    events_file = directory(run) / EVENTS_FILE
    assert sizes[EVENTS_FILE] == events_file.stat().st_size > 0
    assert reconcile.differences_of(run, verify=True) == []
