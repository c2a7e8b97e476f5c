"""The routes of what a run is taken home as: its passport, the whole of it, its plots."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from ninja import Query, Router, Schema
from pydantic import Field

from runs_app.api.made_files import export_zip, passport_file, plot_file, prediction_fan
from runs_app.api.problems import Problems, Refusal
from runs_app.api.runs import find_run
from runs_app.services.run_zip import Checkpoints

router = Router(tags=["exports"])


class ExportQuery(Schema):
    """What goes with the run."""

    checkpoints: Checkpoints = Field(
        Checkpoints.NONE, description="Checkpoints in the zip: none, the best one, or all."
    )


def _file(kind: str, what: str) -> dict[str, Any]:
    content = {kind: {"schema": {"type": "string", "format": "binary"}}}
    return {"responses": {200: {"description": what, "content": content}}}


@router.get(
    "/runs/{uid}/export.zip",
    response={404: Refusal, 422: Problems},
    openapi_extra=_file("application/zip", "The zip"),
    summary="Download a whole run",
)
def export(request: HttpRequest, uid: str, wanted: Query[ExportQuery]) -> HttpResponseBase:
    """Passport, configuration, metrics, log, events, report, predictions, plots and their sums."""
    return export_zip(find_run(uid), wanted.checkpoints)


@router.get(
    "/runs/{uid}/passport.json",
    response={404: Refusal},
    openapi_extra=_file("application/json", "The passport"),
    summary="Download a run's passport",
)
def passport(request: HttpRequest, uid: str) -> HttpResponseBase:
    """All that is needed to do the run again: see `manage.py reproduce`."""
    return passport_file(find_run(uid))


@router.get(
    "/runs/{uid}/report/plots/{name}.csv",
    response={404: Refusal},
    openapi_extra=_file("text/csv", "The table"),
    summary="Download the numbers of a plot",
)
def plot(request: HttpRequest, uid: str, name: str) -> HttpResponseBase:
    """One plot of the report as CSV: fan, pit, coverage, reliability-short, equity and so on."""
    return plot_file(find_run(uid), name)


@router.get(
    "/runs/{uid}/predictions/{prediction}/fan.csv",
    response={404: Refusal},
    openapi_extra=_file("text/csv", "The table"),
    summary="Download the numbers of a prediction's plot",
)
def fan(request: HttpRequest, uid: str, prediction: str) -> HttpResponseBase:
    """Candles, quantiles and outcomes that the page of the prediction draws."""
    return prediction_fan(find_run(uid), prediction)
