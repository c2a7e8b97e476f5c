"""The route of a run's curves: what a chart of some width shows of them."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import numpy as np
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from pydantic import Field, StringConstraints

from runs_app.api.problems import BadRequest, Problems, Refusal
from runs_app.api.runs import find_run
from runs_app.forecasting.errors import FieldError
from runs_app.models import TrainingRun
from runs_app.points.columns import Columns, word_of
from runs_app.points.reading import ENDLESS, Curve, Window, read_curves

router = Router(tags=["runs"])

MAX_METRICS = 40
Metric = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class PointsQuery(Schema):
    """Which curves, and which part of them."""

    metric: list[Metric] = Field(
        ..., min_length=1, max_length=MAX_METRICS, description="Names, as in the run's `metrics`."
    )
    axis: Literal["step", "epoch", "time"] = Field(
        "step", description="Unit of `from` and `to`; of `time`, milliseconds since 1970 in UTC."
    )
    start: float | None = Field(None, alias="from", allow_inf_nan=False)
    end: float | None = Field(None, alias="to", allow_inf_nan=False)
    width: int = Field(
        1000, ge=10, le=4000, description="Pixels: at most two points of a curve for each."
    )
    means: bool = Field(
        default=False,
        description="Add the mean of what lies on each pixel, for a curve that is smoothed.",
    )


class ColumnsOut(Schema):
    """Points as columns of equal length, in order."""

    step: list[int]
    at: list[float] = Field(description="Milliseconds since 1970 in UTC.")
    value: list[float | str] = Field(description="A number, or NaN, Infinity, -Infinity.")


class PieceOut(ColumnsOut):
    """Points that an attempt left behind when the fit went back."""

    attempt: int


class CurvePointsOut(ColumnsOut):
    """One metric in the window, with the lowest and highest value of each part of it."""

    metric: str
    total: int = Field(description="Points in the window.")
    exact: bool = Field(description="True where these are all of them.")
    abandoned: list[PieceOut]
    means: ColumnsOut = Field(
        description="Means of equally many neighbours; empty where not asked for, or `exact`."
    )


class PointsOut(Schema):
    """Curves up to an event of the run."""

    id: str
    last_seq: int
    steps_per_epoch: int | None
    curves: list[CurvePointsOut]


@router.get(
    "/runs/{uid}/points",
    response={200: PointsOut, 404: Refusal, 422: Problems},
    summary="Read curves for a chart",
)
def points(request: HttpRequest, uid: str, wanted: Query[PointsQuery]) -> HttpResponse:
    """The curves of some metrics, whole or a window of them, thinned to the width of a chart.

    No extreme value is lost, and a window with few points has them all (`exact`). Every point of
    the run is at `/runs/{id}/metrics`.
    """
    run = find_run(uid)
    found = read_curves(run, list(dict.fromkeys(wanted.metric)), _window(run, wanted))
    answer = {
        "id": run.uid,
        "last_seq": run.last_seq,
        "steps_per_epoch": run.metrics.get("steps_per_epoch"),
        "curves": [_curve(one) for one in found],
    }
    text = json.dumps(answer, allow_nan=False, separators=(",", ":"))
    # Not through the schema: it would look at every number once more.
    return HttpResponse(
        text, content_type="application/json; charset=utf-8", headers={"Cache-Control": "no-store"}
    )


def _window(run: TrainingRun, wanted: PointsQuery) -> Window:
    start = -ENDLESS if wanted.start is None else wanted.start
    end = ENDLESS if wanted.end is None else wanted.end
    if start > end:
        raise BadRequest([FieldError("from", f"is {start:g}, beyond to, which is {end:g}")])
    if wanted.axis == "time":
        return Window("at", start, end, wanted.width, wanted.means)
    scale = 1.0
    if wanted.axis == "epoch":
        scale = run.metrics.get("steps_per_epoch") or 0
        if not scale and (wanted.start is not None or wanted.end is not None):
            sentence = "cannot be epoch: this run has not told how many steps one has; use step"
            raise BadRequest([FieldError("axis", sentence)])
    scale = scale or 1
    return Window("step", start * scale, end * scale, wanted.width, wanted.means)


def _curve(curve: Curve) -> dict[str, Any]:
    return {
        "metric": curve.metric,
        "total": curve.total,
        "exact": curve.exact,
        **_columns(curve.points),
        "abandoned": [
            {"attempt": piece.attempt, **_columns(piece.points)} for piece in curve.abandoned
        ],
        "means": _columns(curve.means),
    }


def _columns(points: Columns) -> dict[str, list[Any]]:
    values: list[Any] = points["value"].tolist()
    for place in np.flatnonzero(~np.isfinite(points["value"])):
        values[place] = word_of(values[place])
    return {"step": points["step"].tolist(), "at": points["at"].tolist(), "value": values}
