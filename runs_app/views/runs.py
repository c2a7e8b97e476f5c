"""The run table."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from runs_app import queries
from runs_app.choices import Judged, RunStatus
from runs_app.forms.filters import read_filter
from runs_app.views.request import HtmxRequest


@require_safe
def run_list(request: HtmxRequest) -> HttpResponse:
    """Search, filter, order and page through the runs; the table alone for htmx."""
    page = queries.run_list(read_filter(request.GET))
    template = "runs/list.html#table" if request.htmx else "runs/list.html"
    context = {"page": page, "statuses": RunStatus.choices, "outcomes": Judged.choices}
    return render(request, template, context)
