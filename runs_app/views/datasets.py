"""The data sets: their list, an upload, the report of one, its removal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from runs_app.choices import JobState
from runs_app.disk import read_disk
from runs_app.errors import DataSetNotFound, RunError, UploadRefused
from runs_app.forecasting.data.endings import SUFFIXES
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.forms.build import BuilderField, build_field
from runs_app.models import DataSet, Job
from runs_app.services.datasets import (
    answer,
    clean_search,
    find_data_set,
    list_data_sets,
    matching,
    report_of,
)
from runs_app.services.fetch import recent_fetches
from runs_app.services.remove_dataset import (
    count_runs,
    remove_data_set,
    runs_on,
    why_not_removable,
)
from runs_app.services.uploads import take_upload
from runs_app.views.request import HtmxRequest

ANSWERS: tuple[str, ...] = ("date_order", "column_order")


RUNS_SHOWN = 10


@dataclass(frozen=True)
class DataSetRow:
    """One line of the list: ``runs`` on it that are not in the trash."""

    data_set: DataSet
    runs: int


@dataclass(frozen=True)
class DataSetsPage:
    """``datasets/list.html``."""

    rows: list[DataSetRow]
    total: int
    search: str
    fetches: list[Job]
    """Those under way."""

    @property
    def pending(self) -> bool:
        """Whether the list changes by itself."""
        return any(row.data_set.is_pending for row in self.rows) or bool(self.fetches)


@require_http_methods(["GET", "HEAD", "POST"])
def datasets(request: HtmxRequest) -> HttpResponse:
    """Every candle file inside DATA_ROOT; a POST uploads one (without script)."""
    if request.method == "POST":
        return _upload(request)
    context = {
        "page": _list_page(request.GET.get("q", "")),
        "data_root": _short(settings.DATA_ROOT),
        "suffixes": SUFFIXES,
        "upload_max": settings.UPLOAD_MAX_BYTES,
        "disk": read_disk(),
    }
    part = "#table" if request.htmx else ""
    return render(request, f"datasets/list.html{part}", context)


@require_http_methods(["GET", "HEAD", "POST"])
def dataset(request: HtmxRequest, pk: int) -> HttpResponse:
    """The report of one file; a POST answers what the file leaves open."""
    row = _row_or_404(pk)
    if request.method == "POST":
        try:
            answer(row, request.POST.get("date_order", ""), request.POST.get("column_order", ""))
        except ConfigInvalid as invalid:
            messages.error(request, str(invalid))
        return redirect("runs:dataset", pk)
    runs = runs_on(row, RUNS_SHOWN + 1)
    context = {
        "data_set": row,
        "report": report_of(row),
        "answers": _answers(row),
        "runs": runs[:RUNS_SHOWN],
        "more_runs": len(runs) > RUNS_SHOWN,
        "kept_because": why_not_removable(row),
    }
    part = "#report" if request.htmx else ""
    return render(request, f"datasets/detail.html{part}", context)


@require_POST
def dataset_remove(request: HtmxRequest, pk: int) -> HttpResponse:
    """Remove a data set that was uploaded, fetched or imported, with its file."""
    row = _row_or_404(pk)
    try:
        remove_data_set(row)
    except RunError as error:
        messages.error(request, str(error))
        return redirect("runs:dataset", pk)
    messages.success(request, f"{row.name} was removed with its file.")
    return redirect("runs:datasets")


def _upload(request: HtmxRequest) -> HttpResponse:
    try:
        uploaded = take_upload(request)
    except UploadRefused as refused:
        messages.error(request, str(refused))
        return redirect("runs:datasets")
    if uploaded.note:
        messages.info(request, uploaded.note)
    return redirect("runs:dataset", uploaded.row.pk)


def _list_page(asked: str) -> DataSetsPage:
    search = clean_search(asked)
    rows = list_data_sets()
    runs = count_runs()
    return DataSetsPage(
        rows=[DataSetRow(row, runs.get(row.pk, 0)) for row in matching(rows, search)],
        total=len(rows),
        search=search,
        fetches=[
            job for job in recent_fetches() if job.state in (JobState.WAITING, JobState.WORKING)
        ],
    )


def _row_or_404(pk: int) -> DataSet:
    try:
        return find_data_set(pk)
    except DataSetNotFound as error:
        raise Http404(str(error)) from error


def _answers(row: DataSet) -> list[tuple[str, BuilderField]]:
    """The questions a file may raise, as fields that show what was answered."""
    return [(name, build_field(f"data.{name}", getattr(row, name))) for name in ANSWERS]


def _short(folder: Path) -> str:
    """The folder as a person in the checkout would type it."""
    inside = folder.is_relative_to(settings.ROOT)
    return f"{folder.relative_to(settings.ROOT)}/" if inside else str(folder)
