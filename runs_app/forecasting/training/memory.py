"""How the process keeps its memory between two steps, and how much of it there is."""

from __future__ import annotations

import ctypes
import platform
import resource
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Names of glibc's ``mallopt``."""
CGROUP = Path("/sys/fs/cgroup")
"""Where a container says how much it may use."""


def keep_freed_memory() -> None:
    """Let the C library keep what a step frees, for the next one; does nothing but on glibc.

    A step frees all its activations. Left alone, glibc gives large ones back to the kernel, and the
    next step pays for fresh, zeroed pages: a fifth of a step's time at batch 256. The process never
    holds more than it once needed.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(M_MMAP_MAX, 0)
    libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def free_bytes(device: torch.device) -> int:
    """Memory of ``device`` that nobody uses, in bytes; for the CPU that of machine or container."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    free = psutil.virtual_memory().available + psutil.swap_memory().free
    limit = _container_limit()
    return free if limit is None else min(free, max(0, limit - _container_usage()))


def machine_bytes() -> int:
    """All memory that this machine or container has, swap included."""
    total = psutil.virtual_memory().total + psutil.swap_memory().total
    limit = _container_limit()
    return total if limit is None else min(total, limit)


@contextmanager
def within_the_machine(device: torch.device) -> Iterator[None]:
    """Inside the block the kernel refuses memory beyond what the machine has.

    It would else be granted, and the machine brought to a standstill when it is touched. Not for a
    GPU, whose driver reserves addresses that it never fills.
    """
    before, most = resource.getrlimit(resource.RLIMIT_DATA)
    limit = machine_bytes() + getattr(psutil.Process().memory_info(), "data", 0)
    tighter = before == resource.RLIM_INFINITY or limit < before
    if device.type == "cuda" or not tighter:
        yield
        return
    resource.setrlimit(resource.RLIMIT_DATA, (limit, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, most))


def _container_limit() -> int | None:
    text = _read(CGROUP / "memory.max").strip()
    return int(text) if text.isdecimal() else None


def _container_usage() -> int:
    """What cannot be given back: the pages of files that were not used lately can."""
    used = _read(CGROUP / "memory.current").strip()
    parts = dict(
        line.split(maxsplit=1) for line in _read(CGROUP / "memory.stat").splitlines() if " " in line
    )
    return int(used or 0) - int(parts.get("inactive_file", 0))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""
