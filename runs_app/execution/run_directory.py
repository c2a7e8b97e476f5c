"""Where the files of a run lie."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings


def path_of(uid: str) -> Path:
    """The directory of the run with this public id; it need not exist."""
    return Path(settings.RUNS_ROOT) / uid


def make(uid: str) -> Path:
    """Make the run's directory, readable by its owner alone; raises ``FileExistsError``."""
    directory = path_of(uid)
    directory.parent.mkdir(parents=True, exist_ok=True)
    directory.mkdir(mode=0o700)
    return directory
