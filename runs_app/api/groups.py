"""The routes of groups: create, list, read, cancel, delete; each answers with all of its runs."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema, Status
from pydantic import Field

from runs_app import group_queries
from runs_app.api.body import read_json, take_keys
from runs_app.api.problems import Problems, Refusal, config_told, disk_told
from runs_app.api.request_document import group_document
from runs_app.errors import GroupNotFound
from runs_app.forecasting.evaluation.documents import Record
from runs_app.group_queries import FoldRows, GroupPage, RunRow
from runs_app.live.payloads import iso_utc
from runs_app.models import RunGroup
from runs_app.services.groups import (
    SIZE_KEYS,
    cancel_group,
    delete_group,
    find_group,
    launch_group,
    read_size,
)

router = Router(tags=["groups"])

KEYS = ("config", "name", *SIZE_KEYS)


class MemberOut(Schema):
    """One planned run of a group; ``id`` and ``status`` are None where it was deleted."""

    fold: int
    seed: int
    id: str | None
    status: str | None
    message: str
    outcome: str | None
    comparisons: list[dict[str, Any]]
    url: str | None


class FoldOut(Schema):
    """The time a fold learns from and is tested on (UTC); None means the file's own."""

    fold: int
    learns_from: str | None
    learns_until: str | None
    tested_from: str | None
    tested_until: str | None


class GroupSummary(Schema):
    """A group as it stands in the list."""

    id: str
    name: str
    folds: int
    seeds: int
    scheme: str
    planned: int
    created_at: str
    url: str


class GroupDetail(GroupSummary):
    """A group with all its runs and what they say together."""

    ended: bool
    counts: dict[str, int]
    verdict: dict[str, Any]
    parts: list[FoldOut]
    runs: list[MemberOut]
    config: dict[str, Any]


class GroupList(Schema):
    """A page of groups, newest first, and how many there are."""

    groups: list[GroupSummary]
    total: int


class GroupQuery(Schema):
    """What part of the list is wanted."""

    limit: int = Field(50, ge=1, le=500)
    offset: int = Field(0, ge=0, le=10_000_000)


def _find(uid: str) -> RunGroup:
    if not (uid.isascii() and uid.isalnum()):
        raise GroupNotFound("There is no group of this id.")
    return find_group(uid)


@router.post(
    "/groups",
    response={201: GroupDetail, 413: Problems, 415: Problems, 422: Problems, 507: Refusal},
    openapi_extra=group_document(),
    summary="Create and start a group of runs",
)
def create(request: HttpRequest, response: HttpResponse) -> Status[dict[str, Any]]:
    """Folds of a walk-forward, seeds, or both; workers start the runs as slots become free."""
    body = take_keys(read_json(request), KEYS)
    with config_told(*KEYS), disk_told():
        sizes = {key: body[key] for key in SIZE_KEYS if key in body}
        size = read_size(**sizes)
        group = launch_group(body["config"], size=size, name=body.get("name") or "")
    response["Location"] = f"/groups/{group.uid}"
    return Status(201, _detail(group))


@router.get("/groups", response={200: GroupList, 422: Problems}, summary="List groups")
def index(request: HttpRequest, wanted: Query[GroupQuery]) -> dict[str, Any]:
    """The newest groups."""
    groups = group_queries.listed_groups()
    page = groups[wanted.offset : wanted.offset + wanted.limit]
    return {"groups": [_summary(group) for group in page], "total": groups.count()}


@router.get("/groups/{uid}", response={200: GroupDetail, 404: Refusal}, summary="Read a group")
def detail(request: HttpRequest, uid: str) -> dict[str, Any]:
    """All runs of the group; mean and spread over them; the verdict over all of them."""
    return _detail(_find(uid))


@router.post(
    "/groups/{uid}/cancel", response={200: GroupDetail, 404: Refusal}, summary="Cancel a group"
)
def cancel(request: HttpRequest, uid: str) -> dict[str, Any]:
    """Every run that has not ended is cancelled or asked to stop."""
    cancel_group(_find(uid).uid)
    return _detail(_find(uid))


@router.delete(
    "/groups/{uid}",
    response={204: None, 404: Refusal, 409: Refusal},
    summary="Move all runs of a group to the trash",
)
def delete(
    request: HttpRequest,
    uid: str,
    cancel: bool = False,  # noqa: FBT001, FBT002 - the framework reads a query parameter from it
) -> Status[None]:
    """Runs that have not ended are refused, or with ``cancel=true`` cancelled first."""
    delete_group(_find(uid).uid, cancel=cancel)
    return Status(204, None)


def _summary(group: RunGroup) -> dict[str, Any]:
    return {
        "id": group.uid,
        "name": group.name,
        "folds": group.folds,
        "seeds": group.seeds,
        "scheme": group.scheme,
        "planned": group.planned,
        "created_at": iso_utc(group.created_at),
        "url": f"/groups/{group.uid}",
    }


def _detail(group: RunGroup) -> dict[str, Any]:
    page: GroupPage = group_queries.group_page(group)
    return {
        **_summary(group),
        "ended": page.ended,
        "counts": page.counts,
        "verdict": _plain(page.verdict),
        "parts": [_part(fold) for fold in page.folds],
        "runs": [_member(fold, row) for fold in page.folds for row in fold.rows],
        "config": group.config,
    }


def _plain(record: Record) -> dict[str, Any]:
    """The record as JSON can hold it: what is not finite as text."""
    plain: dict[str, Any] = json.loads(record.model_dump_json())
    return plain


def _part(fold: FoldRows) -> dict[str, Any]:
    names = ("learns_from", "learns_until", "tested_from", "tested_until")
    dates = {name: getattr(fold, name) for name in names}
    return {
        "fold": fold.number,
        **{name: iso_utc(at) if at else None for name, at in dates.items()},
    }


def _member(fold: FoldRows, row: RunRow) -> dict[str, Any]:
    run = row.run
    return {
        "fold": fold.number,
        "seed": row.seed,
        "id": run.uid if run else None,
        "status": run.status if run else None,
        "message": run.message if run else "The run was deleted.",
        "outcome": (run.outcome or None) if run else None,
        "comparisons": [_plain(one) for one in row.comparisons],
        "url": f"/runs/{run.uid}" if run else None,
    }
