"""The routes of the queue: read it, pause it, move its runs, drain its slots."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from runs_app.api.body import read_json
from runs_app.api.problems import BadRequest, Problems, Refusal
from runs_app.api.representations import RunDetail, TurnOut, run_detail, turn
from runs_app.api.runs import find_run
from runs_app.execution.queue import Move
from runs_app.forecasting.errors import ConfigInvalid, FieldError
from runs_app.live.payloads import iso_utc
from runs_app.queueing.page import SlotLine, WorkerLine, queue_page
from runs_app.queueing.turns import Turn
from runs_app.services.queue import (
    PRIORITIES,
    change_turn,
    drain_slot,
    pause_queue,
    read_change,
    resume_queue,
)

router = Router(tags=["queue"])


class WaitingOut(TurnOut):
    """A waiting run."""

    id: str
    name: str
    devices: int
    url: str


class OnSlotOut(Schema):
    """The run on a slot; ``eta_seconds`` is null until its trainer has an estimate."""

    id: str
    name: str
    eta_seconds: float | None
    url: str


class SlotOut(Schema):
    """A place for one run; ``gone`` where no worker shows it any more."""

    host: str
    name: str
    device: str
    drained: bool
    gone: bool
    seen_at: str
    free_since: str | None
    run: OnSlotOut | None


class WorkerOut(Schema):
    """A worker process; ``heard_at`` is when the broker last brought it a message."""

    name: str
    host: str
    seen_at: str
    heard_at: str | None
    silent: bool
    stopping: bool
    blocked: str
    disk_free: int
    disk_total: int


class FindingOut(Schema):
    """What holds the queue back; ``level`` is note, warning or fault."""

    code: str
    level: str
    sentence: str


class QueueOut(Schema):
    """The queue at one instant of the database's clock; ``total`` counts all waiting runs."""

    at: str
    paused_at: str | None
    waiting: list[WaitingOut]
    total: int
    slots: list[SlotOut]
    workers: list[WorkerOut]
    health: list[FindingOut]


class QueueQuery(Schema):
    """What part of the queue is wanted."""

    limit: int = Field(100, ge=1, le=1000, description="Waiting runs in the answer.")


_CHANGE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "minProperties": 1,
                    "description": "A move, a priority, or both: then the priority comes first.",
                    "properties": {
                        "move": {"type": "string", "enum": list(Move)},
                        "priority": {"type": "string", "enum": list(PRIORITIES)},
                    },
                },
                "example": {"move": "top"},
            }
        },
    }
}


@router.get("/queue", response={200: QueueOut, 422: Problems}, summary="Read the queue")
def index(request: HttpRequest, wanted: Query[QueueQuery]) -> dict[str, Any]:
    """What waits in order, what runs where, who is there, and what holds the queue back."""
    return _queue(wanted.limit)


@router.post("/queue/pause", response={200: QueueOut}, summary="Pause the queue")
def pause(request: HttpRequest) -> dict[str, Any]:
    """Nothing new starts; what runs goes on."""
    pause_queue()
    return _queue()


@router.post("/queue/resume", response={200: QueueOut}, summary="Let the queue run")
def resume(request: HttpRequest) -> dict[str, Any]:
    """Runs start again."""
    resume_queue()
    return _queue()


@router.post(
    "/runs/{uid}/queue",
    response={
        200: RunDetail, 404: Refusal, 409: Refusal, 413: Problems, 415: Problems, 422: Problems,
    },
    openapi_extra=_CHANGE,
    summary="Move a waiting run in the queue",
)  # fmt: skip
def change(request: HttpRequest, uid: str) -> dict[str, Any]:
    """Up, down or to the top among those of its priority; or another priority."""
    run = find_run(uid)
    body = read_json(request)
    if not isinstance(body, dict):
        raise BadRequest([FieldError("body", 'must be an object such as {"move": "top"}')])
    unknown = sorted(body.keys() - {"move", "priority"})
    if unknown:
        message = "is not a known key; use move or priority"
        raise BadRequest([FieldError(key, message) for key in unknown])
    try:
        asked = read_change(**body)
    except ConfigInvalid as invalid:
        raise BadRequest(invalid.errors) from invalid
    return run_detail(change_turn(run.uid, asked))


@router.post(
    "/queue/slots/{host}/{name}/drain",
    response={200: QueueOut, 404: Refusal},
    summary="Drain a slot",
)
def drain(request: HttpRequest, host: str, name: str) -> dict[str, Any]:
    """What runs on the slot goes on; nothing new starts there."""
    drain_slot(host, name, drained=True)
    return _queue()


@router.post(
    "/queue/slots/{host}/{name}/undrain",
    response={200: QueueOut, 404: Refusal},
    summary="Use a drained slot again",
)
def undrain(request: HttpRequest, host: str, name: str) -> dict[str, Any]:
    """Runs start on the slot again."""
    drain_slot(host, name, drained=False)
    return _queue()


def _queue(limit: int = 100) -> dict[str, Any]:
    page = queue_page(limit)
    return {
        "at": iso_utc(page.now),
        "paused_at": _time(page.paused_at),
        "waiting": [_waiting(one) for one in page.turns],
        "total": page.total,
        "slots": [_slot(line) for host in page.hosts for line in host.slots],
        "workers": [_worker(line) for host in page.hosts for line in host.workers],
        "health": [
            {"code": one.code, "level": str(one.level), "sentence": one.sentence}
            for one in page.findings
        ],
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else iso_utc(moment)


def _waiting(found: Turn) -> dict[str, Any]:
    run = found.run
    return {
        "id": run.uid,
        "name": run.title,
        "devices": run.devices,
        "url": f"/runs/{run.uid}",
        **(turn(found) or {}),
    }


def _slot(line: SlotLine) -> dict[str, Any]:
    slot, run = line.slot, line.slot.run
    return {
        "host": slot.host,
        "name": slot.name,
        "device": slot.label,
        "drained": slot.drained,
        "gone": line.gone,
        "seen_at": iso_utc(slot.seen_at),
        "free_since": _time(slot.free_since),
        "run": run
        and {
            "id": run.uid,
            "name": run.title,
            "eta_seconds": run.eta_seconds,
            "url": f"/runs/{run.uid}",
        },
    }


def _worker(line: WorkerLine) -> dict[str, Any]:
    one = line.worker
    return {
        "name": one.name,
        "host": one.host,
        "seen_at": iso_utc(one.seen_at),
        "heard_at": _time(one.heard_at),
        "silent": line.silent,
        "stopping": one.stopping,
        "blocked": one.blocked,
        "disk_free": one.disk_free,
        "disk_total": one.disk_total,
    }
