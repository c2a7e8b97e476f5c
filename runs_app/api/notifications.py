"""The routes of notifications: list, mark as read."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from runs_app.api.problems import Problems
from runs_app.choices import NotificationKind
from runs_app.notified import COUNT_TO, as_json, mark_read, notification_page

router = Router(tags=["notifications"])


class RunNamed(Schema):
    """The run a notification is about."""

    id: str
    name: str


class NotificationOut(Schema):
    """One thing that a person should know."""

    number: int
    kind: str
    sentence: str
    at: str
    read: bool
    run: RunNamed | None
    url: str


class NotificationsOut(Schema):
    """A page of notifications, the newest first."""

    notifications: list[NotificationOut]
    total: int
    unread: int = Field(description=f"Of all kinds, counted up to {COUNT_TO}.")


class NotificationsQuery(Schema):
    """What part of the list is wanted."""

    page: int = Field(1, ge=1, le=1_000_000, description="Page number, from 1.")
    unread: bool = Field(default=False, description="Only what nobody has read.")
    kind: NotificationKind | None = Field(None, description="Only this kind.")


class ReadOut(Schema):
    """How many were unread before."""

    read: int


class ReadQuery(Schema):
    """How far a reader has come."""

    upto: int | None = Field(None, ge=1, le=2**62, description="Largest number; all without it.")


@router.get(
    "/notifications",
    response={200: NotificationsOut, 422: Problems},
    summary="List notifications",
)
def index(request: HttpRequest, wanted: Query[NotificationsQuery]) -> dict[str, Any]:
    """What people were told, the newest first."""
    found = notification_page(wanted.page, only_unread=wanted.unread, kind=wanted.kind or "")
    return {
        "notifications": [
            as_json(one) | {"number": one.pk, "read": one.read_at is not None}
            for one in found.page.object_list
        ],
        "total": found.page.paginator.count,
        "unread": found.unread,
    }


@router.post("/notifications/read", response={200: ReadOut, 422: Problems}, summary="Mark all read")
def read_all(request: HttpRequest, wanted: Query[ReadQuery]) -> dict[str, Any]:
    """Mark all as read, or all up to a number."""
    return {"read": mark_read(upto=wanted.upto)}


@router.post("/notifications/{int:number}/read", response={200: ReadOut}, summary="Mark one read")
def read_one(request: HttpRequest, number: int) -> dict[str, Any]:
    """Mark one as read; one that is there no more is none."""
    return {"read": mark_read(pk=number)}
