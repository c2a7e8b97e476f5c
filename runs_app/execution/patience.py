"""Go on when the database is away: wait and try again. The run's files hold everything."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 5.0


def patiently(action: Callable[[], Answer], give_up: Callable[[], bool]) -> Answer:
    """The answer of ``action``, tried until the database takes it.

    Once ``give_up`` says True, the next database error is raised as it is.
    """
    wait = FIRST_WAIT_SECONDS
    while True:
        try:
            return action()
        except (OperationalError, InterfaceError) as error:
            if give_up():
                raise
            logger.warning("The database is away, trying again in %.1f s: %s", wait, error)
            connection.close()
        time.sleep(wait)
        wait = min(2 * wait, LONGEST_WAIT_SECONDS)
