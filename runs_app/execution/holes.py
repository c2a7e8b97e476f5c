"""Give the disk back what a part of a growing file takes, while others go on writing to it."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

BLOCK = 4096
_KEEP_SIZE, _PUNCH_HOLE = 1, 2


def punch(path: Path, start: int, end: int) -> None:
    """Free the whole blocks between two offsets; they read as zeros, and the size stays.

    Linux alone can, and not every file system: elsewhere nothing happens.
    """
    first, last = -(-start // BLOCK) * BLOCK, end // BLOCK * BLOCK
    if last <= first or not sys.platform.startswith("linux"):
        return
    with suppress(OSError):
        descriptor = os.open(path, os.O_WRONLY)
        try:
            _fallocate()(descriptor, _KEEP_SIZE | _PUNCH_HOLE, first, last - first)
        finally:
            os.close(descriptor)


@cache
def _fallocate() -> Any:
    function = ctypes.CDLL(None, use_errno=True).fallocate
    function.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    return function
