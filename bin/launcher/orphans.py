"""What a dying process leaves behind: adopted by the launcher (Linux), reaped, killed in the end.

No process of the product leaves children on purpose, so an orphan is a leftover. Descendants of
what lives are never orphans: their parents live.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Collection, Iterable
from contextlib import suppress

import psutil

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def adopt_orphans() -> None:
    """From now on what a dying descendant leaves behind becomes a child of this process (Linux)."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _adopts() -> bool:
    """Whether ``adopt_orphans`` was called here: any other process owns all of its children."""
    if _LIBC is None:
        return False
    answer = ctypes.c_int()
    _LIBC.prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(answer), 0, 0, 0)
    return bool(answer.value)


def end_with_parent() -> None:
    """In the child: be ended when this launcher dies without ending it (Linux)."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def reap(own: Collection[subprocess.Popen[bytes]]) -> None:
    """Let adopted children that have ended go; ``own`` keep the status of theirs."""
    if not _adopts():
        return
    mine = {process.pid: process for process in own}
    with suppress(ChildProcessError):  # no child at all
        while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if ended.si_pid in mine:
                mine[ended.si_pid].poll()
            else:
                os.waitpid(ended.si_pid, 0)


def orphans(own: Collection[subprocess.Popen[bytes]]) -> list[psutil.Process]:
    """Living children of this process that it has adopted."""
    if not _adopts():
        return []
    mine = {process.pid for process in own}
    return [child for child in psutil.Process().children() if child.pid not in mine]


def kill_orphans(own: Collection[subprocess.Popen[bytes]]) -> None:
    """Kill the orphans and all below them."""
    for _ in range(3):  # what is killed may leave children that become ours
        left = orphans(own)
        if not left:
            return
        below = []
        for orphan in left:
            with suppress(psutil.NoSuchProcess):
                below += orphan.children(recursive=True)
        _kill([*left, *below])


def kill_descendants() -> None:
    """Kill every process below this one, those it has adopted among them."""
    for _ in range(3):
        left = psutil.Process().children(recursive=True)
        if not left:
            return
        _kill(left)


def _kill(processes: Iterable[psutil.Process]) -> None:
    killed = list(processes)
    for process in killed:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(killed, timeout=1)
