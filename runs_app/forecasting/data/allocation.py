"""Memory that is freed and asked for again at once stays with the process meanwhile."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # from glibc's malloc.h
_ALL = 1 << 30
_USUAL_MMAP, _USUAL_TRIM = 32 * 1024**2, 64 * 1024**2
"""As far as glibc goes by itself once a program has freed large blocks."""


@contextmanager
def keeping_freed_memory() -> Iterator[None]:
    """Spare the kernel from clearing the same pages for each of many large arrays.

    At 2.6 million bars an array has 20 MB, and glibc hands such blocks back when they are freed:
    the time of the features is then spent in page faults. What is free at the end is given back.
    Does nothing without glibc.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is None or not hasattr(libc, "mallopt"):
        yield
        return
    libc.mallopt(_M_MMAP_THRESHOLD, _ALL)
    libc.mallopt(_M_TRIM_THRESHOLD, _ALL)
    try:
        yield
    finally:
        libc.mallopt(_M_MMAP_THRESHOLD, _USUAL_MMAP)
        libc.mallopt(_M_TRIM_THRESHOLD, _USUAL_TRIM)
        libc.malloc_trim(0)
