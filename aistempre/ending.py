"""The web process ends soon after it is asked to.

Daphne cancels its requests and stops its loop. A thread that works on one of them goes on, and may
wait for that loop for ever, and Python waits at its exit for the thread. The launcher kills what
does not end in time, but a launcher that was killed itself does not.
"""

from __future__ import annotations

import logging
import os
import sys
import threading

END_SECONDS = 5.0
"""From SIGTERM on; less than the launcher waits."""
_REACTOR = "twisted.internet.reactor"


def install() -> None:
    """Have the server of this process end within ``END_SECONDS``; without a server nothing."""
    # Importing it would choose the kind of reactor, which is Daphne's to choose.
    reactor = sys.modules.get(_REACTOR)
    if reactor is not None:
        reactor.addSystemEventTrigger("before", "shutdown", _begin)


def _begin() -> None:
    timer = threading.Timer(END_SECONDS, _end)
    timer.daemon = True  # it does not keep a process that ends by itself
    timer.start()


def _end() -> None:
    logging.getLogger(__name__).warning("The web process ends with requests unfinished.")
    os._exit(0)
