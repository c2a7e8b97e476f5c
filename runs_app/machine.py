"""What this machine has left for a run, and which of its processes were started again."""

from __future__ import annotations

from dataclasses import dataclass

import psutil
from django.conf import settings

from runs_app.restarts import Name, Restart, read_restarts


@dataclass(frozen=True)
class Machine:
    """The host that serves the pages, which in local mode also trains. Sizes are in bytes."""

    cpu_count: int
    ram_free: int
    """Memory that a new process could have."""
    ram_total: int
    disk_free: int
    """Left where runs are stored."""
    disk_total: int
    restarts: dict[Name, Restart]
    """Processes of the product that ended in the last hour or are down, by name."""


def read_machine() -> Machine:
    """The figures of this moment; takes well under a millisecond."""
    memory = psutil.virtual_memory()
    place = settings.MEDIA_ROOT if settings.MEDIA_ROOT.exists() else settings.ROOT
    disk = psutil.disk_usage(str(place))
    return Machine(
        cpu_count=psutil.cpu_count() or 1,
        ram_free=memory.available,
        ram_total=memory.total,
        disk_free=disk.free,
        disk_total=disk.total,
        restarts=read_restarts(),
    )
