"""How many cores a fit may take. Imports no torch, so that a worker can share them out."""

from __future__ import annotations

import math
import os
from pathlib import Path

CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")


def threads_for(slots: int = 1) -> int:
    """Threads of one of ``slots`` fits on this machine: one core is left to the others.

    The threads of an operation wait for one another: where one of them shares its core with the web
    server or a browser, all stand still, and two threads are slower than one.
    """
    return max(1, (available_cores() - 1) // max(1, slots))


def available_cores() -> int:
    """Cores this process may use, also inside a container that has only some of the host's."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        quota, period = CGROUP_LIMIT.read_text().split()
        limit = math.ceil(int(quota) / int(period))
    except (OSError, ValueError):  # no control group, or no limit in it ("max")
        limit = cores or 1
    return max(1, min(cores or 1, limit))
