"""Files of a run, for pages; the JSON API sends them the same way."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from runs_app import queries
from runs_app.api.download import download
from runs_app.errors import RunError
from runs_app.services.previews import preview
from runs_app.views.request import HtmxRequest, run_or_404


@require_safe
def artifact_list(request: HtmxRequest, uid: str) -> HttpResponse:
    """The list stands on the run's own page."""
    return redirect(f"{reverse('runs:run_detail', args=[uid])}#panel-artifacts")


@require_safe
def artifact(request: HtmxRequest, uid: str, path: str) -> HttpResponseBase:
    """One file, streamed."""
    try:
        return download(request, queries.get_run(uid), path)
    except RunError as error:
        raise Http404(str(error)) from error


@require_safe
def artifact_preview(request: HtmxRequest, uid: str, path: str) -> HttpResponse:
    """The beginning of one file: in the run's page, or as a page of its own."""
    run = run_or_404(uid)
    try:
        shown = preview(run, path)
    except RunError as error:
        raise Http404(str(error)) from error
    template = "runs/_preview.html" if request.htmx else "runs/preview.html"
    return render(request, template, {"preview": shown, "run": run})
