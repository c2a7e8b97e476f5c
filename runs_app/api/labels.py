"""Name, tags, note and archive of a run, and one intent for several runs, as JSON."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from runs_app.api.body import read_json
from runs_app.api.problems import BadRequest, Problems, Refusal
from runs_app.api.representations import RunDetail, run_detail
from runs_app.api.runs import find_run
from runs_app.api.runs import router as runs_router
from runs_app.forecasting.errors import ConfigInvalid, FieldError
from runs_app.models import MAX_NOTE
from runs_app.services.bulk import MOST_RUNS, TAGGING, Bulk, do_to_all
from runs_app.services.labels import edit_run, read_edit, read_tags

router = Router(tags=["runs"])

_KEYS = ("action", "ids", "tags", "cancel")


class NotDone(Schema):
    """A run that was left as it is, and why."""

    id: str
    detail: str


class BulkOut(Schema):
    """What came of a bulk action, run by run, in the order asked for."""

    action: str
    done: list[str]
    failed: list[NotDone]


def _body(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": required}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


_TAGS = {"type": "array", "items": {"type": "string"}}


@runs_router.patch(
    "/runs/{uid}",
    response={200: RunDetail, 404: Refusal, 409: Refusal, 422: Problems},
    openapi_extra=_body(
        {
            "name": {"type": "string"},
            "tags": _TAGS,
            "note": {"type": "string", "maxLength": MAX_NOTE},
            "archived": {"type": "boolean"},
        },
        [],
    ),
    summary="Rename, tag, annotate or archive a run",
)
def edit(request: HttpRequest, uid: str) -> dict[str, Any]:
    """What is not named stays. ``tags`` are all the tags that the run then has."""
    run = find_run(uid)
    given = _object(read_json(request))
    try:
        return run_detail(edit_run(run.uid, read_edit(given)))
    except ConfigInvalid as invalid:
        raise BadRequest(invalid.errors) from invalid


@router.post(
    "/runs/bulk",
    response={200: BulkOut, 422: Problems},
    openapi_extra=_body(
        {
            "action": {"type": "string", "enum": [str(one) for one in Bulk]},
            "ids": {"type": "array", "items": {"type": "string"}, "maxItems": MOST_RUNS},
            "tags": _TAGS,
            "cancel": {"type": "boolean", "default": False},
        },
        ["action", "ids"],
    ),
    summary="Do one thing to several runs",
)
def bulk(request: HttpRequest) -> dict[str, Any]:
    """Each run by itself: those that cannot are told in ``failed``, the others are done.

    ``tags`` belongs to *tag* and *untag*; ``cancel`` lets *delete* stop a live run first.
    """
    action, ids, tags, cancel = _read(_object(read_json(request)))
    result = do_to_all(action, ids, tags=tags, cancel=cancel)
    failed = [{"id": uid, "detail": sentence} for uid, sentence in result.failed.items()]
    return {"action": str(action), "done": result.done, "failed": failed}


def _read(given: dict[str, Any]) -> tuple[Bulk, list[str], tuple[str, ...], bool]:
    """The parts of a bulk request. Raises ``BadRequest`` with everything that is wrong."""
    faults = [
        FieldError(key, f"is not a known key; there are {', '.join(_KEYS)}")
        for key in sorted(given.keys() - set(_KEYS))
    ]
    action, ids, cancel = given.get("action"), given.get("ids"), given.get("cancel", False)
    if not (isinstance(action, str) and action in list(Bulk)):
        faults.append(FieldError("action", f"must be one of {', '.join(Bulk)}"))
    if not (isinstance(ids, list) and ids and all(isinstance(uid, str) for uid in ids)):
        faults.append(FieldError("ids", "must be a list of ids of runs"))
    elif len(ids) > MOST_RUNS:
        faults.append(FieldError("ids", f"must name at most {MOST_RUNS} runs"))
    if not isinstance(cancel, bool):
        faults.append(FieldError("cancel", "must be true or false"))
    tags: tuple[str, ...] = ()
    try:
        tags = read_tags(given.get("tags", []))
    except ConfigInvalid as invalid:
        faults += invalid.errors
    if action in TAGGING and not tags and not faults:
        faults.append(FieldError("tags", 'must name at least one tag, such as ["baseline"]'))
    if faults:
        raise BadRequest(faults)
    return Bulk(str(action)), [uid.replace("\x00", "") for uid in ids or ()], tags, cancel


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise BadRequest([FieldError("body", "must be an object")])
    return body
