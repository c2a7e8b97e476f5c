"""Predictions of a run: ask for one, see how far it is, look at it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from runs_app.choices import JobState
from runs_app.errors import ArtifactNotFound, PredictionNotFound, RunError
from runs_app.execution.predicting import EXPORT_DIR, forecast_file
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.forecasts import (
    MAX_SHOWN,
    ForecastRow,
    find_prediction,
    newest_export,
    predictions_of,
)
from runs_app.forms.numbers import whole_number
from runs_app.models import DataSet, Job, TrainingRun
from runs_app.services.datasets import list_data_sets
from runs_app.services.predict import (
    MAX_DECISIONS,
    prediction_rows,
    request_export,
    request_prediction,
)
from runs_app.views.request import HtmxRequest, run_or_404


@dataclass(frozen=True)
class PredictionsPage:
    """``predictions/list.html``: the form as it was sent, a sentence by field, and the list."""

    run: TrainingRun
    jobs: list[Job]
    data_sets: list[DataSet]
    source: str
    last: str = "1"
    repair: bool = False
    errors: dict[str, str] = field(default_factory=dict)
    most: int = MAX_DECISIONS
    export: Job | None = None

    @property
    def files(self) -> list[tuple[str, str]]:
        """Name and path of each exported file."""
        if self.export is None:
            return []
        return [(name, f"{EXPORT_DIR}/{name}") for name in self.export.facts.get("files", {})]


@dataclass(frozen=True)
class PredictionPage:
    """``predictions/detail.html``. ``rows``: newest first, at most ``MAX_SHOWN`` of ``total``."""

    run: TrainingRun
    job: Job
    fault: str
    """Why there is nothing to show, a sentence."""
    file: str
    rows: list[ForecastRow]
    total: int
    chart: dict[str, Any]
    names: dict[str, str] = field(default_factory=dict)
    """Of forecasters beside the model: none here."""
    price_columns: tuple[str, ...] = ("0.025", "0.5", "0.975")

    @property
    def newest(self) -> ForecastRow | None:
        """The newest decision's forecast."""
        return self.rows[0] if self.rows else None


@require_http_methods(["GET", "HEAD", "POST"])
def predictions(request: HtmxRequest, uid: str) -> HttpResponse:
    """The form and the earlier predictions; a POST asks for one and goes to its page."""
    run = run_or_404(uid)
    source = str(run.config["data"]["source"])
    if request.method != "POST":
        return render(request, "predictions/list.html", {"page": _list_page(run)})
    source = request.POST.get("source", source)
    last = request.POST.get("last", "1").strip()
    repair = "repair" in request.POST
    errors = {}
    try:
        number = whole_number(last, digits=8) or 0
        job = request_prediction(run, source=source, last=number, repair=repair)
    except ConfigInvalid as invalid:
        errors = {error.path: error.message for error in invalid.errors}
    except RunError as error:
        errors = {"": str(error)}
    else:
        return redirect("runs:prediction", run.uid, job.uid)
    page = replace(_list_page(run), source=source, last=last, repair=repair, errors=errors)
    return render(request, "predictions/list.html", {"page": page}, status=422)


@require_http_methods(["GET", "HEAD", "POST"])
def export(request: HtmxRequest, uid: str) -> HttpResponse:
    """Ask for the model's files; how far they are stands on the page of predictions."""
    run = run_or_404(uid)
    if request.method == "POST":
        try:
            request_export(run)
        except RunError as error:
            messages.error(request, str(error))
    elif request.htmx:
        return render(request, "predictions/_export.html", {"page": _list_page(run)})
    return redirect("runs:predictions", run.uid)


@require_safe
def prediction(request: HtmxRequest, uid: str, job_uid: str) -> HttpResponse:
    """One prediction; while it is being made the page asks again."""
    run = run_or_404(uid)
    try:
        job = find_prediction(run, job_uid)
    except PredictionNotFound as error:
        raise Http404(str(error)) from error
    page = _page(run, job)
    if request.htmx and not job.is_final:
        return render(request, "predictions/detail.html#state", {"page": page})
    if request.htmx:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "predictions/detail.html", {"page": page})


def _list_page(run: TrainingRun) -> PredictionsPage:
    return PredictionsPage(
        run=run,
        jobs=predictions_of(run),
        data_sets=list_data_sets(),
        source=str(run.config["data"]["source"]),
        export=newest_export(run),
    )


def _page(run: TrainingRun, job: Job) -> PredictionPage:
    rows, fault = [], ""
    try:
        rows = prediction_rows(run, job)
    except ArtifactNotFound as error:
        fault = str(error)
    return PredictionPage(
        run=run,
        job=job,
        fault=fault or (job.message if job.state == JobState.FAILED else ""),
        file=forecast_file(job) if job.state == JobState.DONE else "",
        rows=rows[-MAX_SHOWN:][::-1],
        total=len(rows),
        chart={"fan": job.facts.get("chart")},
    )
