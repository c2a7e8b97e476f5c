"""The writing thread: order, whole lines, and faults that reach the caller."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from runs_app.forecasting.events import CheckpointRemoved, Event, from_line
from runs_app.forecasting.training import event_log
from runs_app.forecasting.training.event_log import EventLog


def paths(file: Path) -> list[str]:
    events = [from_line(line) for line in file.read_bytes().splitlines()]
    return [event.path for event in events if isinstance(event, CheckpointRemoved)]


def test_events_and_functions_are_written_in_order_by_one_thread(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    callers: set[str] = set()

    def make(number: int) -> Event:
        callers.add(threading.current_thread().name)
        return CheckpointRemoved(path=str(number))

    for number in range(500):
        if number % 2:
            log.put(CheckpointRemoved(path=str(number)))
        else:
            log.put(lambda number=number: make(number))
    log.close()
    assert paths(tmp_path / "events.jsonl") == [str(number) for number in range(500)]
    assert callers == {"event-log"}


@pytest.mark.parametrize("rest", [b"", b'{"at":', b'{"at":' + b"x" * 10_000])
def test_a_half_written_line_is_cut(tmp_path: Path, rest: bytes) -> None:
    file = tmp_path / "events.jsonl"
    for number in range(2):
        log = EventLog(file)
        log.put(CheckpointRemoved(path=str(number)))
        log.close()
        with file.open("ab") as end:
            end.write(rest)
    EventLog(file).close()
    assert paths(file) == ["0", "1"]


def test_a_full_disk_is_raised_in_the_callers_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: int, lines: bytes) -> None:
        raise OSError(28, os.strerror(28))

    log = EventLog(tmp_path / "events.jsonl")
    monkeypatch.setattr(event_log, "_write_whole", refuse)
    log.put(CheckpointRemoved(path="a"))
    with pytest.raises(OSError, match="No space left"):
        log.close()
    with pytest.raises(OSError, match="No space left"):
        log.check()
