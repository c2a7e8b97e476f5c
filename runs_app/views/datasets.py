"""The data sets: their list, and the report of one."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from runs_app.disk import read_disk
from runs_app.errors import DataSetNotFound
from runs_app.forecasting.data.endings import SUFFIXES
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.forms.build import BuilderField, build_field
from runs_app.models import DataSet
from runs_app.services.datasets import answer, find_data_set, list_data_sets, report_of
from runs_app.views.request import HtmxRequest

ANSWERS: tuple[str, ...] = ("date_order", "column_order")


@require_safe
def datasets(request: HtmxRequest) -> HttpResponse:
    """Every candle file inside DATA_ROOT, with what was found in it."""
    rows = list_data_sets()
    context = {
        "data_sets": rows,
        "pending": any(row.is_pending for row in rows),
        "data_root": _short(settings.DATA_ROOT),
        "suffixes": SUFFIXES,
        "disk": read_disk(),
    }
    part = "#table" if request.htmx else ""
    return render(request, f"datasets/list.html{part}", context)


@require_http_methods(["GET", "HEAD", "POST"])
def dataset(request: HtmxRequest, pk: int) -> HttpResponse:
    """The report of one file; a POST answers what the file leaves open."""
    try:
        row = find_data_set(pk)
    except DataSetNotFound as error:
        raise Http404(str(error)) from error
    if request.method == "POST":
        try:
            answer(row, request.POST.get("date_order", ""), request.POST.get("column_order", ""))
        except ConfigInvalid as invalid:
            messages.error(request, str(invalid))
        return redirect("runs:dataset", pk)
    context = {"data_set": row, "report": report_of(row), "answers": _answers(row)}
    part = "#report" if request.htmx else ""
    return render(request, f"datasets/detail.html{part}", context)


def _answers(row: DataSet) -> list[tuple[str, BuilderField]]:
    """The questions a file may raise, as fields that show what was answered."""
    return [(name, build_field(f"data.{name}", getattr(row, name))) for name in ANSWERS]


def _short(folder: Path) -> str:
    """The folder as a person in the checkout would type it."""
    inside = folder.is_relative_to(settings.ROOT)
    return f"{folder.relative_to(settings.ROOT)}/" if inside else str(folder)
