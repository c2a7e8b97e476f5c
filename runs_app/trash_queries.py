"""What lies in the trash, and what its page shows beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.core.paginator import Page, Paginator
from django.db.models import Sum

from runs_app.disk import Disk, read_disk
from runs_app.models import TrainingRun
from runs_app.queries import PAGE_SIZE, about
from runs_app.retention import kept_until


@dataclass(frozen=True)
class TrashedRun:
    """One run in the trash."""

    run: TrainingRun = about("The run, without its configuration.")
    until: datetime = about("When it is deleted for good by itself.")


@dataclass(frozen=True)
class TrashPage:
    """Context of the trash."""

    lines: list[TrashedRun] = about("The runs of this page, the newest in the trash first.")
    page: Page[TrainingRun] = about("Numbers of this, the previous and the next page.")
    total: int = about("Runs in the trash.")
    total_bytes: int = about("What all of them take on disk.")
    days: int = about("How long a run can be restored.")
    disk: Disk = about("Room where runs are stored.")


def trash_page(number: int = 1) -> TrashPage:
    """The trash; a page number past the end gives the last page."""
    trashed = TrainingRun.objects.trashed()
    unread = ("config", "request", "verdict", "leaks", "metrics")
    page = Paginator(trashed.defer(*unread), PAGE_SIZE).get_page(number)
    return TrashPage(
        lines=[TrashedRun(run, until) for run in page if (until := kept_until(run))],
        page=page,
        total=page.paginator.count,
        total_bytes=trashed.aggregate(total=Sum("trash_bytes"))["total"] or 0,
        days=settings.TRASH_DAYS,
        disk=read_disk(),
    )
