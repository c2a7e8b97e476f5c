"""The trash: where a run goes when it is deleted, comes back from, or leaves for good.

A run's state is not touched by it, so that a restored run is what it was. Files are deleted before
rows: an interruption leaves a run that says that it is being deleted, and the next sweep goes on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, ProtectedError
from django.db.models.functions import Now
from django.utils import timezone

from runs_app.choices import FINAL, LIVE, EventKind, JobState
from runs_app.execution import removal, run_directory
from runs_app.execution.leases import from_now
from runs_app.forecasting.fence import LOCK_FILE
from runs_app.live.publish import publish
from runs_app.models import Job, RunEvent, RunGroup, TrainingRun

logger = logging.getLogger(__name__)

DAY_SECONDS = 86_400.0
TIDY_SECONDS = 10.0
"""How long one sweep deletes; the next one goes on."""


class NotNow(Exception):
    """The run's files are in use; ``str(error)`` says by whom, in a sentence."""


def put_in(run_pk: int) -> TrainingRun | None:
    """Move a run that has ended to the trash; None where it has not, or is there already."""
    where = {"status__in": FINAL, "trashed_at": None}
    run = _mark(run_pk, where, "Moved to the trash.", trashed_at=Now())
    if run:
        weigh(run_pk)
        run.refresh_from_db()
    return run


def want(run_pk: int) -> bool:
    """Note that a run goes to the trash as soon as it has ended; False where it has."""
    live = TrainingRun.objects.filter(pk=run_pk, status__in=LIVE)
    return live.update(trash_wanted_at=Now()) == 1


def take_out(run_pk: int) -> TrainingRun | None:
    """Restore a run; None where it is not in the trash, or is being deleted for good already."""
    where = {"trashed_at__isnull": False, "purge_started_at": None}
    changes = {"trashed_at": None, "trash_wanted_at": None, "trash_bytes": 0}
    return _mark(run_pk, where, "Restored from the trash.", **changes)


def purge(run_pk: int) -> int:
    """Delete a run of the trash for good; returns the bytes freed on disk.

    Interrupted, it can be called again; a second one at the same time has no effect of its own. A
    run that is not in the trash stays as it is. Raises ``NotNow`` and ``OSError``.
    """
    run = start_purge(run_pk)
    if run is None:
        return 0
    directory = run_directory.path_of(run.uid)
    if not directory.parent.is_dir():
        raise NotNow("The folder where runs are stored (MEDIA_ROOT) is not there.")
    if Job.objects.filter(run_id=run_pk, state=JobState.WORKING).exists():
        raise NotNow(
            f"A prediction or an export of run {run.uid} is being made in its directory; the run "
            "is deleted when that is done."
        )
    try:
        with removal.unused(directory / LOCK_FILE):
            freed = removal.remove(directory.parent, run.uid)
    except removal.InUse as error:
        raise NotNow(
            f"A trainer of run {run.uid} has not ended yet; the run is deleted when it has."
        ) from error
    if directory.is_symlink() or directory.exists():
        raise OSError(f"{directory.name} is still there after it was removed")
    _delete_rows(run)
    return freed


def start_purge(run_pk: int) -> TrainingRun | None:
    """From here on the run cannot be restored any more; None where it is not in the trash."""
    TrainingRun.objects.trashed().filter(pk=run_pk, purge_started_at=None).update(
        purge_started_at=Now()
    )
    return TrainingRun.objects.filter(pk=run_pk, purge_started_at__isnull=False).first()


def tidy() -> int:
    """The sweep's part: go on with deletions, begin those whose time is over; the bytes freed."""
    trashed = TrainingRun.objects.trashed()
    for pk in trashed.filter(trash_bytes=0, purge_started_at=None).values_list("pk", flat=True):
        weigh(pk)
    overdue = from_now(-settings.TRASH_DAYS * DAY_SECONDS)
    due = trashed.filter(purge_started_at__isnull=False) | trashed.filter(trashed_at__lt=overdue)
    freed = 0
    until = time.monotonic() + TIDY_SECONDS
    for pk in list(due.values_list("pk", flat=True)):
        if time.monotonic() > until:
            break
        try:
            freed += purge(pk)
        except (NotNow, OSError) as error:
            logger.warning("The trash keeps a run for now: %s", error)
    return freed


def weigh(run_pk: int) -> None:
    """Note how many bytes a run in the trash takes on disk."""
    run = TrainingRun.objects.trashed().only("uid").filter(pk=run_pk).first()
    if run:
        taken = removal.bytes_on_disk(run_directory.path_of(run.uid))
        TrainingRun.objects.trashed().filter(pk=run_pk).update(trash_bytes=taken)


def _mark(
    run_pk: int, where: Mapping[str, Any], message: str, **changes: Any
) -> TrainingRun | None:
    """Change the run where it stands so, and tell its viewers, in one transaction.

    The event names no status: that a run ended is said once.
    """
    with transaction.atomic():
        if not TrainingRun.objects.filter(pk=run_pk, **where).update(
            last_seq=F("last_seq") + 1, **changes
        ):
            return None
        run = TrainingRun.objects.get(pk=run_pk)
        event = RunEvent.objects.create(
            run=run,
            seq=run.last_seq,
            attempt=run.attempt,
            kind=EventKind.STATUS,
            at=timezone.now(),
            payload={"trashed": run.is_trashed, "message": message},
        )
        transaction.on_commit(partial(publish, run, [event]), robust=True)
    return run


def _delete_rows(run: TrainingRun) -> None:
    """The run's rows, and its group's where that was the last run of it."""
    with transaction.atomic():
        # Two who delete the last two runs of a group see each other here.
        groups = RunGroup.objects.select_for_update()
        group = groups.filter(pk=run.group_id).first() if run.group_id else None
        TrainingRun.objects.filter(pk=run.pk, purge_started_at__isnull=False).delete()
        if group and not group.runs.exists():
            try:
                with transaction.atomic():
                    group.delete()
            except ProtectedError:
                logger.info("Group %s got a run again and stays.", group.uid)
