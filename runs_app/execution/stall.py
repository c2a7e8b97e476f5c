"""Notices a trainer that does not get on: by its own mark of work done, not by its being alive."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runs_app.forecasting.progress import read_progress

START_SECONDS = 180.0
"""A trainer that has shown no sign of work for so long after its start never began."""


class StallWatch:
    """Compares the trainer's progress between looks; ``look`` gives a sentence when it is over."""

    def __init__(self, directory: Path, stall_minutes: float, written: Callable[[], int]) -> None:
        self._directory = directory
        self._stall_seconds = 60 * stall_minutes
        self._written = written
        self._first = self._mark()
        self._last = self._first
        self._since = time.monotonic()

    def look(self) -> str:
        """A sentence where the trainer has to be ended, else empty."""
        mark = self._mark()
        now = time.monotonic()
        if mark != self._last:
            self._last, self._since = mark, now
            return ""
        idle = now - self._since
        if mark == self._first and idle > START_SECONDS:
            return (
                f"The trainer did not begin to work within {START_SECONDS:g} seconds. Where its "
                "threads stood is at the end of the log. If it happens again, look at the load of "
                "the machine and its disks."
            )
        if idle > self._stall_seconds:
            return (
                f"The trainer took no step, batch or validation forward for {_text(idle)} and was "
                "ended. Where its threads stood is at the end of the log. If its steps really take "
                "that long, raise train.stall_minutes."
            )
        return ""

    def _mark(self) -> tuple[Any, int]:
        return read_progress(self._directory), self._written()


def _text(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"
