"""The route of one decision of a run: what was known, what was said, what came."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import Query, Router, Schema
from pydantic import Field

from runs_app.api.problems import BadRequest, Problems, Refusal
from runs_app.api.runs import find_run
from runs_app.errors import DecisionInvalid
from runs_app.forecasting.decision.documents import Decision
from runs_app.forecasting.errors import FieldError
from runs_app.services.decision_times import address
from runs_app.services.decisions import Found, find_decision

router = Router(tags=["runs"])


class DecisionQuery(Schema):
    """Which decision."""

    at: str = Field(
        "", description="When it was made: ISO 8601, UTC without a zone. Without it, the newest."
    )


class DecisionOut(Schema):
    """A decision and where it stands in the test part.

    `previous`, `next`, `first` and `last` are what `at` takes. Times inside `decision` are
    milliseconds since 1970 in UTC, returns natural-log returns, prices as in the file.
    """

    id: str
    at: str
    total: int = Field(description="Decisions of the test part.")
    previous: str | None
    next: str | None
    first: str
    last: str
    family: str
    decision_timeframe: str
    horizon_bars: int
    context_bars: int
    problem: str = Field(description="Why `decision.inputs` is null, a sentence.")
    verified: bool = Field(
        description="True where the candles give again the means and deviations that the run "
        "recorded with its predictions, so that the inputs are those that were fed."
    )
    decision: Decision


def _at(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else address(milliseconds)


def _document(uid: str, found: Found) -> dict[str, Any]:
    block = found.block
    return {
        "id": uid,
        "at": _at(found.decision.at),
        "total": found.total,
        "previous": _at(found.previous),
        "next": _at(found.next),
        "first": _at(found.first),
        "last": _at(found.last),
        "family": block.family,
        "decision_timeframe": block.decision_timeframe,
        "horizon_bars": block.horizon_bars,
        "context_bars": block.context_bars,
        "problem": block.problem,
        "verified": block.verified,
        "decision": json.loads(found.decision.model_dump_json()),
    }


@router.get(
    "/runs/{uid}/decisions",
    response={200: DecisionOut, 404: Refusal, 422: Problems},
    summary="Read what a run's network knew and said at a decision",
)
def decision(request: HttpRequest, uid: str, wanted: Query[DecisionQuery]) -> HttpResponse:
    """One decision of the test part, with the last closed bar of each timeframe, the inputs as they
    were fed, the calibrated forecast, the baselines' beside it, and what came."""
    run = find_run(uid)
    try:
        found = find_decision(run, wanted.at)
    except DecisionInvalid as invalid:
        raise BadRequest([FieldError("at", str(invalid))]) from invalid
    return JsonResponse(_document(run.uid, found))
