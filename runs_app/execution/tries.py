"""Count the tries on a data set, and tell the trainer: luck grows with their number."""

from __future__ import annotations

import logging
from pathlib import Path

from django.db import transaction

from runs_app.forecasting.evaluation.context import CONTEXT_FILE, RunContext, write_context
from runs_app.models import DataSet, TrainingRun

logger = logging.getLogger(__name__)


def note_try(run_pk: int, directory: Path) -> None:
    """Count a started run and write its ``context.json``; a later attempt keeps the first count.

    The runs of a group are one try. The count stays with the data set when runs are deleted.
    """
    if (directory / CONTEXT_FILE).exists():
        return
    tries = _count(run_pk)
    try:
        write_context(directory, RunContext(tries=tries))
    except OSError as error:  # the trainer meets the same disk and says so in its own words
        logger.warning("The tries on the data of %s cannot be written: %s", directory, error)


@transaction.atomic
def _count(run_pk: int) -> int:
    run = TrainingRun.objects.get(pk=run_pk)
    source = run.config.get("data", {}).get("source", "")
    data_set = DataSet.objects.select_for_update().filter(path=source).first()
    started = TrainingRun.objects.filter(config__data__source=source, attempt__gt=0)
    groups = started.exclude(group=None).order_by().values("group").distinct().count()
    standing = started.filter(group=None).count() + groups
    if data_set is None:
        return max(1, standing)
    of_group = started.filter(group=run.group_id).exclude(pk=run.pk)
    is_new = run.group_id is None or not of_group.exists()
    data_set.tries = max(1, standing, data_set.tries + is_new)
    data_set.save(update_fields=["tries"])
    return data_set.tries
