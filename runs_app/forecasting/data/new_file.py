"""Give a finished file its name in a folder without ever replacing another."""

from __future__ import annotations

import os
from pathlib import Path

from runs_app.forecasting.data.endings import suffix_of

MOST_NUMBERS = 1000


def settle_as(part: Path, folder: Path, name: str) -> str:
    """Name the file ``part`` ``name``, or ``name_2`` and so on where that is taken; the name.

    ``part`` lies in the same file system and is gone afterwards. Raises ``OSError``.
    """
    with part.open("rb") as written:
        os.fsync(written.fileno())
    ending = suffix_of(name) or ""
    stem = name[: len(name) - len(ending)]
    for number in range(1, MOST_NUMBERS):
        chosen = name if number == 1 else f"{stem}_{number}{ending}"
        try:
            (folder / chosen).hardlink_to(part)  # fails where the name is taken: no race
        except FileExistsError:
            continue
        part.unlink()
        return chosen
    raise FileExistsError(17, f"{MOST_NUMBERS} files are called {name} already")
