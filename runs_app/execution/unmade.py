"""Folders of runs that were to be made, and were not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import DatabaseError, connection

from runs_app.execution import run_directory
from runs_app.models import TrainingRun


@contextmanager
def folders_only_with_rows(uids: Sequence[str]) -> Iterator[None]:
    """Where the transaction inside the block fails, the folders of its runs are removed.

    It may fail at its very end, when the disk is full; and where only the answer was lost, the rows
    are there and their folders stay. ``uids`` may grow inside the block.
    """
    try:
        yield
    except BaseException:
        for uid in _not_stored(uids):
            shutil.rmtree(run_directory.path_of(uid), ignore_errors=True)
        raise


def _not_stored(uids: Sequence[str]) -> list[str]:
    if connection.in_atomic_block:  # what is around is rolled back as well
        return list(uids)
    try:
        stored = set(TrainingRun.objects.filter(uid__in=uids).values_list("uid", flat=True))
    except DatabaseError:
        return []  # nobody can tell now; ``reconcile`` finds what no row names
    return [uid for uid in uids if uid not in stored]
