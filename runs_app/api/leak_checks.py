"""The routes of leak checks: ask for one before a run is started, and read what it found."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema, Status

from runs_app.api.body import read_json, split_run_request
from runs_app.api.problems import Problems, Refusal, config_told
from runs_app.api.request_document import request_document
from runs_app.choices import JobReason
from runs_app.services.leak_checks import StoredCheck, ask_for_leak_check, find_leak_check

router = Router(tags=["leak checks"])


class LeakCheckAnswer(Schema):
    """A leak check: ``status`` is waiting, working, done or failed; ``result`` once it is done.

    ``reason`` and ``message`` are the word and the sentence for why it could not be made; while it
    waits, the sentence says why it is made again.
    """

    id: str
    status: str
    result: dict[str, Any] | None
    reason: JobReason | None
    message: str
    fields: dict[str, str]
    config: dict[str, Any]


def _answer(check: StoredCheck) -> dict[str, Any]:
    result = json.loads(check.result.model_dump_json()) if check.result else None
    return {
        "id": check.uid,
        "status": str(check.state),
        "result": result,
        "reason": check.reason,
        "message": check.message,
        "fields": check.fields,
        "config": check.config,
    }


@router.post(
    "/leak-checks",
    response={202: LeakCheckAnswer, 413: Problems, 415: Problems, 422: Problems},
    openapi_extra=request_document(),
    summary="Check a configuration and its data for leaks",
)
def create(request: HttpRequest, response: HttpResponse) -> Status[dict[str, Any]]:
    """The body is that of POST /runs. A worker does it within seconds; nothing is trained."""
    config, _ = split_run_request(read_json(request))
    with config_told():
        check = ask_for_leak_check(config)
    response["Location"] = f"/leak-checks/{check.uid}"
    return Status(202, _answer(check))


@router.get(
    "/leak-checks/{uid}",
    response={200: LeakCheckAnswer, 404: Refusal},
    summary="Read a leak check",
)
def detail(request: HttpRequest, uid: str) -> dict[str, Any]:
    """Its state, and once it is done what was checked and found."""
    return _answer(find_leak_check(uid))
