"""The routes of dress rehearsals: ask for one before a run is started, and read what it found."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema, Status

from runs_app.api.body import read_json, split_run_request
from runs_app.api.problems import Problems, Refusal, config_told
from runs_app.api.request_document import request_document
from runs_app.services.rehearsals import (
    StoredRehearsal,
    ask_for_rehearsal,
    find_rehearsal,
    room_of,
)

router = Router(tags=["rehearsals"])


class RehearsalAnswer(Schema):
    """``status`` is waiting, working, done or failed; ``phase`` says what it is doing.

    ``result`` is there once it is done, with times in seconds and sizes in bytes; ``failure`` is
    the one that the run would have had, but where its ``reason`` is worker_lost or time_limit: then
    the rehearsal itself did not come to its end. ``suggestion`` has fields by path where memory ran
    out.
    """

    id: str
    status: str
    phase: str
    result: dict[str, Any] | None
    disk: dict[str, Any] | None
    failure: dict[str, Any] | None
    suggestion: dict[str, int] | None
    config: dict[str, Any]


def _answer(found: StoredRehearsal) -> dict[str, Any]:
    room = room_of(found)
    return {
        "id": found.uid,
        "status": str(found.state),
        "phase": found.phase,
        "result": found.result.model_dump(mode="json") if found.result else None,
        "disk": room
        and {"needed_bytes": room.total, "free_bytes": room.disk.free, "fits": room.fits},
        "failure": asdict(found.failure) if found.failure else None,
        "suggestion": found.suggestion,
        "config": found.config,
    }


@router.post(
    "/rehearsals",
    response={202: RehearsalAnswer, 413: Problems, 415: Problems, 422: Problems},
    openapi_extra=request_document(),
    summary="Rehearse a run on the real device",
)
def create(request: HttpRequest, response: HttpResponse) -> Status[dict[str, Any]]:
    """The body is that of POST /runs. Three steps, a validation, a save and a load on a free slot;
    nothing stays of them but the answer."""
    config, _ = split_run_request(read_json(request))
    with config_told():
        found = ask_for_rehearsal(config)
    response["Location"] = f"/rehearsals/{found.uid}"
    return Status(202, _answer(found))


@router.get(
    "/rehearsals/{uid}",
    response={200: RehearsalAnswer, 404: Refusal},
    summary="Read a rehearsal",
)
def detail(request: HttpRequest, uid: str) -> dict[str, Any]:
    """Where it stands, and once it is over what was found."""
    return _answer(find_rehearsal(uid))
