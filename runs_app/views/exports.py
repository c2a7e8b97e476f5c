"""What a run is taken home as, for pages; the JSON API sends the same files."""

from __future__ import annotations

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_GET

from runs_app.api.made_files import (
    MetricFormat,
    export_zip,
    metrics_file,
    passport_file,
    plot_file,
    prediction_fan,
)
from runs_app.errors import RunError
from runs_app.services.run_zip import Checkpoints
from runs_app.views.request import HtmxRequest, run_or_404


@require_GET
def run_metrics(request: HtmxRequest, uid: str) -> HttpResponseBase:
    """The metrics as CSV or Parquet; otherwise they stand on the run's own page."""
    run = run_or_404(uid)
    asked = request.GET.get("format", "")
    if asked in (MetricFormat.CSV, MetricFormat.PARQUET):
        return metrics_file(run, MetricFormat(asked))
    return redirect("runs:run_detail", uid)


@require_GET
def run_passport(request: HtmxRequest, uid: str) -> HttpResponse:
    """The passport as the run stands now."""
    return passport_file(run_or_404(uid))


@require_GET
def run_export(request: HtmxRequest, uid: str) -> HttpResponseBase:
    """The whole run; ``?checkpoints=`` none, best or all."""
    run = run_or_404(uid)
    asked = request.GET.get("checkpoints", Checkpoints.NONE)
    if asked not in list(Checkpoints):
        return HttpResponse("checkpoints must be none, best or all.", status=422)
    return export_zip(run, Checkpoints(asked))


@require_GET
def plot_csv(request: HtmxRequest, uid: str, name: str) -> HttpResponse:
    """The numbers of one plot of the report."""
    try:
        return plot_file(run_or_404(uid), name)
    except RunError as error:
        raise Http404(str(error)) from error


@require_GET
def prediction_csv(request: HtmxRequest, uid: str, job_uid: str) -> HttpResponse:
    """The numbers of a prediction's plot."""
    try:
        return prediction_fan(run_or_404(uid), job_uid)
    except RunError as error:
        raise Http404(str(error)) from error
