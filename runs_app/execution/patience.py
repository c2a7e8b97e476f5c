"""Go on when the database is away: wait and try again. The run's files hold everything."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

AWAY = (OperationalError, InterfaceError)
"""How Django says that the database cannot be reached."""

FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 5.0
OUTAGE_SECONDS = 300.0
"""A longer outage than this is not sat out with a trainer running, which may have been replaced."""


class Patience:
    """How long to wait for a database that is away: until ``stopping``, or for ``seconds``."""

    def __init__(self, stopping: Callable[[], bool], seconds: float | None = None) -> None:
        self._stopping = stopping
        self._seconds = OUTAGE_SECONDS if seconds is None else seconds
        self._since: float | None = None

    def spent(self) -> bool:
        """Asked after each failure: whether the next one is to be raised."""
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        return self._stopping() or now - self._since > self._seconds

    def restore(self) -> None:
        """The database has answered."""
        self._since = None


def patiently(action: Callable[[], Answer], patience: Patience) -> Answer:
    """The answer of ``action``, tried until the database takes it or the patience is spent.

    Then the database's error is raised as it is.
    """
    wait = FIRST_WAIT_SECONDS
    while True:
        try:
            answer = action()
        except AWAY as error:
            if patience.spent():
                raise
            logger.warning("The database is away, trying again in %.1f s: %s", wait, error)
            connection.close()
        else:
            patience.restore()
            return answer
        time.sleep(wait)
        wait = min(2 * wait, LONGEST_WAIT_SECONDS)
