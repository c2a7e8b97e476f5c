"""Ends what an earlier attempt may have left running on this host, and nothing else."""

from __future__ import annotations

import logging
import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil

from runs_app.forecasting.fence import boot_id, read_lock

logger = logging.getLogger(__name__)

GONE_SECONDS = 10.0
CLOCK_SECONDS = 0.05
"""How far two readings of one process's start may lie apart."""


def end_earlier_trainer(directory: Path) -> bool:
    """Kill the trainer that holds the run's directory, with its group; False where none is left.

    A worker that hangs leaves its trainer alive. The lock names it by process id and start, so that
    a process that got the same number later is not taken for it.
    """
    holder = read_lock(directory)
    if holder is None or holder.boot != boot_id() or holder.host != os.uname().nodename:
        return False
    try:
        process = psutil.Process(holder.pid)
        if abs(process.create_time() - holder.started) > CLOCK_SECONDS:
            return False
        group = process.children(recursive=True)
        logger.warning(
            "Process %d, attempt %d, still trains; it is ended.", holder.pid, holder.attempt
        )
        with suppress(ProcessLookupError):
            # A trainer leads a session and a group of its own.
            if os.getpgid(holder.pid) == holder.pid:
                os.killpg(holder.pid, signal.SIGKILL)
        for one in (process, *group):
            with suppress(psutil.NoSuchProcess):
                one.kill()  # psutil compares the start again
        psutil.wait_procs((process, *group), timeout=GONE_SECONDS)
    except psutil.NoSuchProcess:
        return False
    return True
