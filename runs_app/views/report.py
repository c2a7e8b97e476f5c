"""The report of a completed run."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from runs_app.errors import ReportMissing
from runs_app.services.report import read_report
from runs_app.views.request import HtmxRequest, run_or_404


@require_safe
def run_report(request: HtmxRequest, uid: str) -> HttpResponse:
    """The report, or the sentence that says why there is none."""
    run = run_or_404(uid)
    try:
        context = {"run": run, "page": read_report(run)}
    except ReportMissing as missing:
        return render(request, "runs/report.html", {"run": run, "missing": missing}, status=404)
    return render(request, "runs/report.html", context)
