"""What an earlier attempt left running is ended, and nothing else is touched."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from runs_app.execution.leftovers import clear_lost, end_earlier_trainer
from runs_app.forecasting.fence import LOCK_FILE, lock_text, this_process
from tests.execution.test_supervisor import wait_for


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that leads a session, with a child, and sleeps."""
    code = (
        "import subprocess, time; subprocess.Popen(['sleep', '60']); print(1, flush=True);"
        "time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], start_new_session=True, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()


def lock_of(process: subprocess.Popen[bytes], **changes: object) -> str:
    started = psutil.Process(process.pid).create_time()
    own = this_process(1).__dict__ | {"pid": process.pid, "started": started}
    return lock_text(type(this_process(1))(**(own | changes)))


def test_an_earlier_trainer_is_ended_with_its_children(
    sleeper: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    (child,) = psutil.Process(sleeper.pid).children()
    (tmp_path / LOCK_FILE).write_text(lock_of(sleeper))

    assert end_earlier_trainer(tmp_path)

    assert not psutil.pid_exists(sleeper.pid)
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


@pytest.mark.parametrize("changes", [{"started": 1.0}, {"boot": "other"}, {"host": "elsewhere"}])
def test_a_process_that_is_not_the_trainer_is_never_touched(
    sleeper: subprocess.Popen[bytes], tmp_path: Path, changes: dict[str, object]
) -> None:
    (tmp_path / LOCK_FILE).write_text(lock_of(sleeper, **changes))

    assert not end_earlier_trainer(tmp_path)

    assert sleeper.poll() is None
    assert not end_earlier_trainer(tmp_path / "nowhere")


def test_what_a_lost_attempt_left_is_ended_and_removed(
    sleeper: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    (child,) = psutil.Process(sleeper.pid).children()
    (tmp_path / LOCK_FILE).write_text(lock_of(sleeper))
    draft, newer = tmp_path / f".last.ckpt.{sleeper.pid}.new", tmp_path / ".last.ckpt.1.new"
    draft.touch()
    newer.touch()
    sleeper.kill()
    sleeper.wait()

    clear_lost(tmp_path, 2)
    assert child.is_running()
    clear_lost(tmp_path, 1)

    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    assert not draft.exists()
    assert newer.exists()


def test_a_group_whose_leader_is_gone_is_ended_before_the_next_attempt(
    sleeper: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    (child,) = psutil.Process(sleeper.pid).children()
    (tmp_path / LOCK_FILE).write_text(lock_of(sleeper))
    sleeper.kill()
    sleeper.wait()

    assert end_earlier_trainer(tmp_path)

    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
