"""Delete a run with its files."""

from __future__ import annotations

import shutil
from pathlib import Path

from django.db import transaction

from runs_app.choices import FINAL
from runs_app.errors import RunNotFound, RunStillLive
from runs_app.execution import run_directory
from runs_app.models import TrainingRun


def delete_run(uid: str) -> int:
    """Delete the run's files, then its rows; returns the bytes freed on disk.

    Files go first: an interruption leaves a run whose files are missing and which can be deleted
    again, never files that nobody knows. Raises ``RunNotFound``, ``RunStillLive`` and ``OSError``.
    """
    run = TrainingRun.objects.filter(uid=uid).first()
    if run is None:
        raise RunNotFound(f"There is no run {uid}.")
    if run.is_live:
        raise RunStillLive(f"Run {uid} is still {run.status}; cancel it before you delete it.")
    directory = run_directory.path_of(run.uid)
    freed = _size(directory)
    if directory.exists():
        shutil.rmtree(directory)
    with transaction.atomic():
        # A final run stays final, so nothing can have started it since.
        TrainingRun.objects.filter(pk=run.pk, status__in=FINAL).delete()
    return freed


def _size(directory: Path) -> int:
    """Bytes on disk, a file with several links counted once."""
    found = {}
    for file in directory.rglob("*"):
        facts = file.lstat()
        found[facts.st_ino] = facts.st_blocks * 512
    return sum(found.values())
