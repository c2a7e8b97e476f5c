"""Remove a data set that the product brought into DATA_ROOT, with its file."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Count
from django.db.models.functions import Coalesce

from runs_app.choices import LIVE
from runs_app.errors import DataSetInUse, DataSetNotOurs
from runs_app.execution import intake
from runs_app.execution.data_files import data_root
from runs_app.models import DataSet, TrainingRun


def runs_on(row: DataSet, most: int) -> list[TrainingRun]:
    """The newest runs on a data set, without those in the trash and without configurations."""
    # Ordered by an expression, so that no index of times is walked: it leads to the wide rows of
    # all runs, where the index of the list alone says which are on this file.
    order = Coalesce("created_at", "created_at").desc()
    found = TrainingRun.objects.visible().filter(data_set=row).order_by(order, "-pk")
    keys = list(found.values_list("pk", flat=True)[:most])
    runs = TrainingRun.objects.only("uid", "name", "status").in_bulk(keys)
    return [runs[key] for key in keys if key in runs]


def count_runs() -> dict[int, int]:
    """Runs by the number of their data set, without those in the trash."""
    runs = TrainingRun.objects.visible().exclude(data_set=None).order_by()
    counted = runs.values("data_set").annotate(runs=Count("pk"))
    return dict(counted.values_list("data_set", "runs"))


def why_not_removable(row: DataSet) -> str:
    """Why it cannot be removed at this moment, in a sentence; empty where it can."""
    if not row.is_removable:
        return (
            f"The file {row.path} was put into DATA_ROOT by hand; remove it there, and it is gone "
            "from this list."
        )
    # By the path: a run may wait since before its file was noticed.
    live = list(TrainingRun.objects.filter(status__in=LIVE, config__data__source=row.path)[:3])
    if live:
        names = ", ".join(str(run) for run in live)
        return f"It is needed by runs that wait or train ({names}); cancel them or wait for them."
    return ""


def remove_data_set(row: DataSet) -> None:
    """Delete its file, what was made of it, and its row; runs that used it keep their results.

    Raises ``DataSetNotOurs`` or ``DataSetInUse``.
    """
    with transaction.atomic():
        locked = DataSet.objects.select_for_update().get(pk=row.pk)
        reason = why_not_removable(locked)
        if reason:
            raise (DataSetInUse if locked.is_removable else DataSetNotOurs)(reason)
        (data_root() / locked.path).unlink(missing_ok=True)
        locked.delete()
    intake.forget(row.store_key)
