"""Sets of runs that have a name: what is listed and counted, and what lies in the trash."""

from __future__ import annotations

from typing import Self, TypeVar

from django.db import models

Run = TypeVar("Run", bound=models.Model)
"""``TrainingRun``, which stands above this file."""

BEST_SCORES = ("val_nll", "val_crps", "val_pinball", "val_rmse", "val_da", "val_f1")
"""Columns of a run that hold a validation score at the epoch of its best validation loss."""

LISTED = (
    "archived_at", "trashed_at", "created_at", "id", "status", "name", "uid", "tags", "preset",
    "outcome", "data_set", "group", "priority", "epoch", "step", "train_loss", "val_loss",
    "best_val_loss", "val_nll", "val_crps", "val_pinball", "val_rmse", "val_da", "val_f1", "skill",
    "seconds", "size_bytes",
)  # fmt: skip
"""Columns by which lists search, filter and order. The first four are the usual order itself."""


MAX_NOTE = 500
"""Characters of a run's note; four bytes each still fit an entry of PostgreSQL's index."""


class RunSet(models.QuerySet[Run]):
    """What every query for runs begins with."""

    def visible(self) -> Self:
        """Runs as lists, counts, groups and comparisons know them: none that is in the trash."""
        return self.filter(trashed_at=None)

    def trashed(self) -> Self:
        """Runs in the trash, the newest there first."""
        return self.filter(trashed_at__isnull=False).order_by("-trashed_at", "-pk")
