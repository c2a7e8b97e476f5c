"""Ends what an earlier attempt may have left running on this host, and nothing else."""

from __future__ import annotations

import logging
import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil

from runs_app.forecasting.events import CHECKPOINT_DIR
from runs_app.forecasting.fence import LockHolder, boot_id, read_lock
from runs_app.forecasting.whole_file import TRAINER_SUFFIX

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
    return holder is not None and _is_here(holder) and _end_all(holder)


def clear_lost(directory: Path, attempt: int) -> None:
    """End what the attempt left running on this host when its worker was lost, remove its drafts.

    Nobody else may ever look: a run that is lost too often, or cancelled before it goes on, has no
    next attempt. Does nothing where a newer one has the directory already.
    """
    holder = read_lock(directory)
    if holder is None or not _is_here(holder) or holder.attempt != attempt:
        return
    _end_all(holder)
    for folder in (directory, directory / CHECKPOINT_DIR):
        # Drafts of a checkpoint carry the process id, so they are not those of a newer attempt.
        for draft in folder.glob(f".*.{holder.pid}{TRAINER_SUFFIX}"):
            draft.unlink(missing_ok=True)


def _is_here(holder: LockHolder) -> bool:
    return holder.boot == boot_id() and holder.host == os.uname().nodename


def _end_all(holder: LockHolder) -> bool:
    """Kill the trainer with its group, and a group whose leader is gone; False where none was."""
    if _end(holder):
        return True
    if psutil.pid_exists(holder.pid):
        return False  # another process has got the number
    try:
        # As long as others of its group live, its number is nobody else's.
        os.killpg(holder.pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _end(holder: LockHolder) -> bool:
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
