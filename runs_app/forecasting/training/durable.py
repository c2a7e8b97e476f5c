"""A file that has its name only once every byte of it is on the disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runs_app.forecasting.progress import advance
from runs_app.forecasting.whole_file import TRAINER_SUFFIX, sync_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PIECE_BYTES = 16 * 1024 * 1024


def write_durably(path: Path, payload: memoryview, *, before_naming: Callable[[], None]) -> None:
    """Write, flush and name ``path``. ``before_naming`` may end the process. Raises ``OSError``."""
    # Each process has a name of its own for it, so that one that was replaced spoils nothing.
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TRAINER_SUFFIX}")
    try:
        with temporary.open("wb") as file:
            for start in range(0, len(payload), PIECE_BYTES):
                file.write(payload[start : start + PIECE_BYTES])
                advance()
            file.flush()
            os.fsync(file.fileno())
        before_naming()
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    advance()
