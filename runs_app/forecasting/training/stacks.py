"""Where every thread stands, in the log, for whoever asks with SIGUSR1."""

from __future__ import annotations

import faulthandler
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ASKED = signal.SIGUSR1
STANDARD_ERROR = 2


@contextmanager
def shown_on_request() -> Iterator[None]:
    """Inside the block the signal prints the stacks of all threads to standard error.

    It is answered in the signal handler itself, so also where the main thread is stuck in native
    code and no Python runs.
    """
    faulthandler.register(ASKED, file=STANDARD_ERROR, all_threads=True, chain=False)
    # One of several processes starts with it held back, since it would have ended it until now.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (ASKED,))
    try:
        yield
    finally:
        faulthandler.unregister(ASKED)
