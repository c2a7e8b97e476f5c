"""How a process ended: in words, and in a file for those who only see the pages.

The file is ``Environment.ends_file``, JSON, there from the first end on until the launcher ends:
``{"launcher": pid, "processes": {name: {"restarts": 2, "how": "was killed by signal 9",
"ended_at": "2026-01-31T12:00:00+00:00", "up": false}}}``. ``up`` is false from the end until the
process is ready again. ``runs_app/restarts.py`` reads it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class End:
    """The last end of a process, and what has become of it."""

    restarts: int
    """How often it was, or is about to be, started again."""
    how: str
    """Goes on after *The worker process*."""
    ended_at: str
    """ISO 8601, UTC."""
    up: bool


def in_words(status: int) -> str:
    """An exit status as a verb: ``was killed by signal 9``, ``ended with status 1``."""
    return f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"


def ordinal(number: int) -> str:
    """``1st``, ``2nd``, ``3rd``, ``4th``, ``11th``, ``21st``."""
    teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def write_whole(path: Path, text: str) -> None:
    """Replace a file so that a reader finds the old or the new one and never a part."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        draft.write_text(text)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write(path: Path, ends: Mapping[str, End]) -> None:
    """Tell the pages; a full disk keeps it from them, and the product goes on."""
    told = {name: asdict(end) for name, end in ends.items()}
    with suppress(OSError):
        write_whole(path, json.dumps({"launcher": os.getpid(), "processes": told}))
