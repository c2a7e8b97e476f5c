"""The routes of the trash: list, restore, delete for good."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from runs_app.api.problems import Problems, Refusal
from runs_app.api.representations import RunDetail, run_detail
from runs_app.api.runs import find_run
from runs_app.errors import RunInUse
from runs_app.live.payloads import iso_utc
from runs_app.models import TrainingRun
from runs_app.retention import kept_until
from runs_app.services.trash import empty_trash, purge_run, restore_run
from runs_app.trash_queries import trash_page

router = Router(tags=["trash"])


class TrashedOut(Schema):
    """A run in the trash."""

    id: str
    name: str
    status: str
    trashed_at: str
    kept_until: str
    size_bytes: int = Field(description="On disk when it was moved there.")
    deleting: bool = Field(description="It is being deleted for good.")
    url: str


class TrashOut(Schema):
    """A page of the trash, the newest first."""

    runs: list[TrashedOut]
    total: int
    total_bytes: int
    days: int
    disk_free_bytes: int


class Freed(Schema):
    """What a deletion freed on disk."""

    runs: int
    freed_bytes: int
    left: int = Field(description="Runs that workers go on deleting.")
    faults: list[str]


class TrashQuery(Schema):
    """What part of the list is wanted."""

    page: int = Field(1, ge=1, le=1_000_000, description="Page number, from 1.")


def _trashed(run: TrainingRun) -> dict[str, Any]:
    until = kept_until(run)
    return {
        "id": run.uid,
        "name": run.name,
        "status": run.status,
        "trashed_at": iso_utc(run.trashed_at) if run.trashed_at else "",
        "kept_until": iso_utc(until) if until else "",
        "size_bytes": run.trash_bytes,
        "deleting": run.purge_started_at is not None,
        "url": f"/runs/{run.uid}",
    }


@router.get("/trash", response={200: TrashOut, 422: Problems}, summary="List the trash")
def index(request: HttpRequest, wanted: Query[TrashQuery]) -> dict[str, Any]:
    """Deleted runs that can still be restored, with what they take on disk."""
    page = trash_page(wanted.page)
    return {
        "runs": [_trashed(line.run) for line in page.lines],
        "total": page.total,
        "total_bytes": page.total_bytes,
        "days": page.days,
        "disk_free_bytes": page.disk.free,
    }


@router.delete("/trash", response={200: Freed}, summary="Empty the trash")
def empty(request: HttpRequest) -> dict[str, Any]:
    """Delete every run of the trash for good."""
    done = empty_trash()
    return {
        "runs": done.runs, "freed_bytes": done.freed, "left": done.left, "faults": done.faults,
    }  # fmt: skip


@router.post(
    "/trash/{uid}/restore",
    response={200: RunDetail, 404: Refusal, 409: Refusal},
    summary="Restore a run",
)
def restore(request: HttpRequest, uid: str) -> dict[str, Any]:
    """Take a run out of the trash, as it was."""
    return run_detail(restore_run(find_run(uid).uid))


@router.delete(
    "/trash/{uid}",
    response={200: Freed, 202: Freed, 404: Refusal, 409: Refusal},
    summary="Delete a run for good",
)
def purge(request: HttpRequest, uid: str) -> tuple[int, dict[str, Any]]:
    """Delete the files of a run of the trash, then its rows.

    202 where its files are in use: it cannot be restored any more, and goes when they are not.
    """
    try:
        freed = purge_run(find_run(uid).uid)
    except RunInUse as later:
        return 202, {"runs": 0, "freed_bytes": 0, "left": 1, "faults": [str(later)]}
    return 200, {"runs": 1, "freed_bytes": freed, "left": 0, "faults": []}
