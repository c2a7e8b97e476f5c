"""Waiting is for a condition with a deadline, never for a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from runs_app.execution.patience import Patience, patiently

Found = TypeVar("Found")

DATABASE_SECONDS = 60.0


class NotInTime(AssertionError):
    """What was waited for did not come; ``str(error)`` names it."""


class FaultAbsent(Exception):
    """The fault did not take place, so the case has shown nothing."""


def wait_for(what: str, condition: Callable[[], Found | None], seconds: float = 30.0) -> Found:
    """The first true value of ``condition``, which may read a database that is away."""
    end = time.monotonic() + seconds
    while True:
        found = ask(condition)
        if found:
            return found
        if time.monotonic() > end:
            raise NotInTime(f"{what}: not within {seconds:g} s")
        time.sleep(0.05)


def ask(question: Callable[[], Found]) -> Found:
    """The answer of the database, tried again while it is away."""
    return patiently(question, Patience(lambda: False, DATABASE_SECONDS))


def prove(fact: object, what: str) -> None:
    """Raise ``FaultAbsent`` unless the fault really happened."""
    if not fact:
        raise FaultAbsent(what)
