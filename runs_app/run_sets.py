"""Sets of runs that have a name: what is listed and counted, and what lies in the trash."""

from __future__ import annotations

from typing import Self, TypeVar

from django.db import models

Run = TypeVar("Run", bound=models.Model)
"""``TrainingRun``, which stands above this file."""


class RunSet(models.QuerySet[Run]):
    """What every query for runs begins with."""

    def visible(self) -> Self:
        """Runs as lists, counts, groups and comparisons know them: none that is in the trash."""
        return self.filter(trashed_at=None)

    def trashed(self) -> Self:
        """Runs in the trash, the newest there first."""
        return self.filter(trashed_at__isnull=False).order_by("-trashed_at", "-pk")
