"""Files on their way into DATA_ROOT: hidden until they are whole, removed when nobody goes on."""

from __future__ import annotations

import time
from contextlib import suppress

from runs_app.execution.data_files import data_root

PREFIX = ".upload-"
SUFFIX = ".part"
OLD_SECONDS = 3600.0
"""A file that nobody has written to for so long belongs to a process that is gone."""

_PATTERNS = (f"{PREFIX}*{SUFFIX}", ".fetch-*.part")


def remove_leftovers() -> int:
    """Remove what interrupted uploads and fetches left in DATA_ROOT; how many files."""
    oldest = time.time() - OLD_SECONDS
    gone = 0
    for pattern in _PATTERNS:
        for path in data_root().glob(pattern):
            with suppress(OSError):
                if path.lstat().st_mtime < oldest:
                    path.unlink()
                    gone += 1
    return gone
