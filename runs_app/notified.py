"""Reads of notifications: the bell's count, the page, and the form they have outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.paginator import Page, Paginator
from django.utils import timezone

from runs_app.choices import NotificationKind
from runs_app.notification_models import Notification

PER_PAGE = 50
IN_LIST = 6
"""Notifications in the list that the bell opens."""
COUNT_TO = 100
"""The bell counts no further."""


@dataclass(frozen=True)
class NotificationPage:
    """A page of notifications, the newest first."""

    page: Page[Notification]
    only_unread: bool
    kind: str
    """The one kind that is shown; empty for all."""
    unread: int
    """Of all kinds, up to ``COUNT_TO``."""
    newest: int
    """The largest number when it was read: what came since is not marked as read."""
    channels: list[str]
    """Ways outwards that are set up, in words."""


@dataclass(frozen=True)
class NewestTold:
    """The list that the bell opens, the newest first."""

    told: list[Notification]
    unread: int
    """Of all, up to ``COUNT_TO``."""
    newest: int
    """The largest number when it was read; what came since is not marked as read."""


def newest_told() -> NewestTold:
    """The newest notifications, whether read or not."""
    told = list(Notification.objects.select_related("run")[:IN_LIST])
    return NewestTold(told, unread_count(), told[0].pk if told else 0)


def unread_count() -> int:
    """Notifications nobody has read, counted up to ``COUNT_TO``."""
    return Notification.objects.filter(read_at=None)[:COUNT_TO].count()


def notification_page(
    number: int, *, only_unread: bool = False, kind: str = ""
) -> NotificationPage:
    """The page of this number, or the nearest there is."""
    rows = Notification.objects.select_related("run")
    if only_unread:
        rows = rows.filter(read_at=None)
    if kind in NotificationKind.values:
        rows = rows.filter(kind=kind)
    else:
        kind = ""
    page = Paginator(rows, PER_PAGE).get_page(number)
    newest = Notification.objects.order_by("-pk").values_list("pk", flat=True).first()
    return NotificationPage(
        page=page,
        newest=newest or 0,
        only_unread=only_unread,
        kind=kind,
        unread=unread_count(),
        channels=_channels(),
    )


def mark_read(pk: int | None = None, upto: int | None = None) -> int:
    """Mark one as read, or all up to a number that somebody saw, or all; how many were not."""
    rows = Notification.objects.filter(read_at=None)
    if pk is not None:
        rows = rows.filter(pk=pk)
    if upto is not None:
        rows = rows.filter(pk__lte=upto)
    return rows.update(read_at=timezone.now())


def page_url(told: Notification) -> str:
    """The whole address of the page it is about."""
    return f"{settings.PRODUCT_URL}{told.address}"


def as_json(told: Notification) -> dict[str, Any]:
    """What a webhook posts: the same of every try."""
    run = told.run
    return {
        "kind": told.kind,
        "sentence": told.sentence,
        "at": told.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "run": {"id": run.uid, "name": run.name} if run else None,
        "url": page_url(told),
    }


def _channels() -> list[str]:
    found = ["e-mail"] if settings.NOTIFY_EMAIL_TO else []
    return [*found, "webhook"] if settings.NOTIFY_WEBHOOK_URL else found
