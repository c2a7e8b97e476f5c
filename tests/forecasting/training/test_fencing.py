"""One trainer per directory: the next waits, the replaced one ends itself."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runs_app.forecasting import fence
from runs_app.forecasting.errors import DirectoryHeld
from runs_app.forecasting.events import HELD_EXIT, REPLACED_EXIT, FitFailed
from runs_app.forecasting.fence import read_lock, write_attempt
from runs_app.forecasting.progress import read_progress
from runs_app.forecasting.training import fencing
from runs_app.forecasting.training.fencing import holding
from runs_app.forecasting.training.fit import run
from tests.forecasting.training.conftest import write_run
from tests.forecasting.training.test_fit import events_of
from tests.synthetic import small_config

ROOT = Path(__file__).parents[3]
SECONDS = 60
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def child() -> Iterator[Start]:
    """Starts a child that holds the directory, and ends it."""
    started: list[subprocess.Popen[str]] = []

    def start(what: str, run_dir: Path, attempt: int = 0) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.forecasting.training.lonely",
                what,
                run_dir,
                f"{attempt}",
            ],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_second_trainer_waits_and_then_says_who_is_there(
    tmp_path: Path, child: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = child("hold", tmp_path)
    monkeypatch.setattr(fencing, "WAIT_SECONDS", 0.3)
    with pytest.raises(DirectoryHeld, match=f"process {first.pid} on "), holding(tmp_path, 0):
        pass
    holder = read_lock(tmp_path)
    assert holder is not None and holder.pid == first.pid
    first.kill()
    first.wait()
    monkeypatch.setattr(fencing, "WAIT_SECONDS", SECONDS)
    with holding(tmp_path, 4):
        holder = read_lock(tmp_path)
        assert holder is not None and holder.attempt == 4


def test_a_fit_in_a_held_directory_writes_nothing(
    tmp_path: Path,
    data_root: Path,
    child: Start,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    run_dir = write_run(tmp_path, small_config())
    child("hold", run_dir)
    before = {path.name for path in run_dir.iterdir()}
    monkeypatch.setattr(fencing, "WAIT_SECONDS", 0.3)
    assert run(run_dir, data_root, progress=False) == HELD_EXIT
    assert {path.name for path in run_dir.iterdir()} == before
    assert "did not leave it" in capfd.readouterr().out


def test_the_replaced_trainer_ends_itself(tmp_path: Path, child: Start) -> None:
    write_attempt(tmp_path, 2)
    process = child("hold", tmp_path, 2)
    write_attempt(tmp_path, 3)
    said, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == REPLACED_EXIT
    assert said == "Attempt 2 was replaced by attempt 3 and ends.\n"
    with holding(tmp_path, 3):
        pass


def test_one_that_was_replaced_gives_no_file_its_name(tmp_path: Path, child: Start) -> None:
    process = child("name", tmp_path, 1)
    process.send_signal(signal.SIGSTOP)
    write_attempt(tmp_path, 2)
    assert process.stdin is not None
    process.stdin.write("go on\n")
    process.stdin.flush()
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=SECONDS)
    assert process.returncode == REPLACED_EXIT
    assert not (tmp_path / "late.ckpt").exists()


def test_the_check_before_a_name_needs_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[int] = []
    monkeypatch.setattr(fencing.os, "_exit", left.append)
    write_attempt(tmp_path, 7)
    fencing.Fence(tmp_path, 7).check()
    fencing.Fence(tmp_path, 0).check()  # from a shell
    assert left == []
    fencing.Fence(tmp_path, 6).check()
    assert left == [REPLACED_EXIT]


def test_a_stopped_trainer_does_not_wait_for_the_directory(
    tmp_path: Path, data_root: Path, child: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir = write_run(tmp_path, small_config())
    child("hold", run_dir)
    monkeypatch.setattr(fencing.time, "sleep", lambda _: signal.raise_signal(signal.SIGTERM))
    assert run(run_dir, data_root, progress=False) == 10
    assert not (run_dir / "events.jsonl").exists()


@pytest.mark.parametrize("what", ["hold", "stuck", "stuck-with-the-lock"])
def test_a_stuck_trainer_shows_where_it_stands_and_its_mark_stands_still(
    what: str, tmp_path: Path, child: Start
) -> None:
    process = child(what, tmp_path)
    process.send_signal(signal.SIGUSR1)
    limit = time.monotonic() + SECONDS
    shown: list[str] = []
    assert process.stderr is not None
    while time.monotonic() < limit and "main" not in "".join(shown):
        shown.append(process.stderr.readline())
    assert "lonely.py" in "".join(shown)
    assert process.poll() is None, "the signal must not end it"
    assert read_progress(tmp_path) == 1
    process.kill()
    rest = "".join(shown) + process.communicate()[1]
    assert "Current thread" in rest or "Thread" in rest
    assert rest.count("Thread 0x") + rest.count("Current thread 0x") >= 2


def test_the_attempt_of_a_whole_fit_stands_in_its_lock(tmp_path: Path, data_root: Path) -> None:
    train = {"max_epochs": 1, "batch_size": 64, "steps_per_epoch": 2}
    run_dir = write_run(tmp_path, small_config(train=train))
    fence.write_attempt(run_dir, 3)
    (run_dir / "checkpoints").mkdir()
    for left in (".metrics.json.new", "checkpoints/.checkpoint-epoch1.ckpt.99.new"):
        (run_dir / left).write_bytes(b"of a trainer that was killed")
    assert run(run_dir, data_root, progress=False, resuming=True, attempt=3) == 0
    holder = read_lock(run_dir)
    assert holder is not None and holder.attempt == 3
    mark = read_progress(run_dir)
    assert mark is not None and mark > 100
    assert not any(isinstance(event, FitFailed) for event in events_of(run_dir))
    assert not [path for path in run_dir.rglob(".*") if path.is_file()]
