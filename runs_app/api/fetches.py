"""The routes of fetches from an exchange."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema, Status

from runs_app.api.job_facts import JobFacts, job_facts
from runs_app.api.problems import BadRequest, Problems, Refusal
from runs_app.forecasting.data.fetch_wish import read_wish
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.live.payloads import iso_utc
from runs_app.models import Job
from runs_app.services.fetch import (
    cancel_fetch,
    data_set_of,
    find_fetch,
    recent_fetches,
    request_fetch,
)

router = Router(tags=["data sets"])


class FetchWanted(Schema):
    """Which candles; ``since`` and ``until`` are dates in UTC, empty for all there are."""

    exchange: str
    symbol: str
    timeframe: str
    since: str = ""
    until: str = ""
    name: str = ""


class FetchOut(JobFacts):
    """A fetch: ``state`` is waiting, working, done, failed or cancelled."""

    id: str
    state: str
    wish: dict[str, Any]
    progress: dict[str, Any]
    dataset: int | None
    created_at: str


class FetchList(Schema):
    """The newest fetches, those under way first."""

    fetches: list[FetchOut]


@router.get("/datasets/fetches", response=FetchList, summary="List fetches from exchanges")
def index(request: HttpRequest) -> dict[str, Any]:
    """The newest ten."""
    return {"fetches": [_fetch(job) for job in recent_fetches()]}


@router.post(
    "/datasets/fetches",
    response={202: FetchOut, 422: Problems},
    summary="Fetch candles of an exchange",
)
def create(request: HttpRequest, wanted: FetchWanted) -> Status[dict[str, Any]]:
    """A worker fetches them page by page; ask for the fetch until it is done."""
    try:
        job = request_fetch(read_wish(**wanted.model_dump()))
    except ConfigInvalid as invalid:
        raise BadRequest(invalid.errors) from invalid
    return Status(202, _fetch(job))


@router.get(
    "/datasets/fetches/{slug:uid}", response={200: FetchOut, 404: Refusal}, summary="Read a fetch"
)
def detail(request: HttpRequest, uid: str) -> dict[str, Any]:
    """How far it is."""
    return _fetch(find_fetch(uid))


@router.post(
    "/datasets/fetches/{slug:uid}/cancel",
    response={200: FetchOut, 404: Refusal, 409: Refusal},
    summary="Cancel a fetch",
)
def cancel(request: HttpRequest, uid: str) -> dict[str, Any] | Status[dict[str, Any]]:
    """What has come is kept for a week; the same request goes on from there."""
    job = find_fetch(uid)
    if not cancel_fetch(job):
        return Status(409, {"detail": "The fetch had ended already."})
    job.refresh_from_db()
    return _fetch(job)


def _fetch(job: Job) -> dict[str, Any]:
    made = data_set_of(job)
    return {
        "id": job.uid, "state": job.state, **job_facts(job), "wish": job.arguments,
        "progress": job.facts, "dataset": made.pk if made else None,
        "created_at": iso_utc(job.created_at),
    }  # fmt: skip
