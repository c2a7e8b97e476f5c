"""The builder's fragment about its data: the short report of its file, and the row ledger."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from runs_app.errors import DataSourceNotFound
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.forms.draft import load
from runs_app.forms.wizard import told
from runs_app.services.datasets import refresh_one, report_of, resolve_source
from runs_app.services.rows import rows_of
from runs_app.views.request import HtmxRequest


@require_safe
def rows(request: HtmxRequest) -> HttpResponse:
    """What the draft's file holds, and which rows a run would use of it as the draft stands."""
    draft = load(request.session, request.GET.get("draft", ""))
    if chosen := request.GET.get("data-source"):  # as the page shows it, before it is saved
        draft.values.setdefault("data.source", chosen)
    context: dict[str, Any] = {}
    try:
        data_set = refresh_one(resolve_source(str(draft.values.get("data.source", ""))))
    except DataSourceNotFound:
        return render(request, "builder/_rows.html", context)
    context = {"data_set": data_set, "report": report_of(data_set)}
    try:
        context["ledger"] = rows_of(draft.payload())
    except ConfigInvalid as invalid:
        context["faults"] = told(invalid.errors)
    return render(request, "builder/_rows.html", context)
