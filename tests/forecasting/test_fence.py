"""The two files that say whose turn it is in a run directory."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from runs_app.forecasting.fence import (
    ATTEMPT_FILE,
    LOCK_FILE,
    lock_text,
    read_attempt,
    read_lock,
    this_process,
    write_attempt,
)


def test_the_attempt_is_what_was_written_last_and_nothing_else_is_left(tmp_path: Path) -> None:
    assert read_attempt(tmp_path) is None
    for number in (1, 12):
        write_attempt(tmp_path, number)
        assert read_attempt(tmp_path) == number
    assert [path.name for path in tmp_path.iterdir()] == [ATTEMPT_FILE]


@pytest.mark.parametrize("content", [b"", b"two", b"-3", b"\xff", "²".encode()])
def test_an_unreadable_attempt_replaces_nobody(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ATTEMPT_FILE).write_bytes(content)
    assert read_attempt(tmp_path) is None


def test_the_lock_names_one_process_of_one_start_of_one_machine(tmp_path: Path) -> None:
    assert read_lock(tmp_path) is None
    (tmp_path / LOCK_FILE).write_text(lock_text(this_process(3)))
    holder = read_lock(tmp_path)
    assert holder is not None
    assert (holder.attempt, holder.pid) == (3, os.getpid())
    assert holder.started == psutil.Process().create_time()
    assert holder.host


@pytest.mark.parametrize("text", ["", "{", "[]", '{"attempt": 1}', "null"])
def test_a_lock_that_cannot_be_read_names_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / LOCK_FILE).write_text(text)
    assert read_lock(tmp_path) is None
