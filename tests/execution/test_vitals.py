"""Signs of life of a worker's threads, counted in rounds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runs_app.execution import vitals
from runs_app.execution.vitals import LOOP, MOST_ROUNDS, PULSE, Vitals


def test_a_thread_that_is_silent_for_too_many_rounds_is_named() -> None:
    found = Vitals()
    found.note(LOOP)
    found.note(PULSE)
    for _ in range(MOST_ROUNDS):
        assert found.round() == ""
        found.note(LOOP)
    assert found.round() == PULSE
    found.note(PULSE)
    assert found.round() == ""


def test_one_that_has_ended_is_not_waited_for() -> None:
    found = Vitals()
    found.note(LOOP)
    found.leave(LOOP)
    assert [found.round() for _ in range(MOST_ROUNDS + 2)] == [""] * (MOST_ROUNDS + 2)


def test_files_of_the_dead_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / f"worker-{dead.pid}.alive").touch()
    (tmp_path / f"worker-{os.getppid()}.alive").touch()
    monkeypatch.setattr(vitals.threading, "Thread", lambda **_: _Silent())
    vitals.watch(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {
        f"worker-{os.getppid()}.alive",
        f"worker-{os.getpid()}.alive",
    }


class _Silent:
    def start(self) -> None:
        """The thread of the watch would outlive the test."""
