"""The admin's lists of what workers do beside training: read candle files, carry out jobs."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from runs_app.admin import ReadOnly, run_link
from runs_app.admin_documents import Documents, as_documents
from runs_app.execution import jobs
from runs_app.models import DataSet, Job
from runs_app.services.datasets import read_again
from runs_app.templatetags.runs_format import whole


@admin.register(DataSet)
class DataSetAdmin(Documents):
    """Data sets: only the name is a person's to choose, the rest was read from the file."""

    list_display = (
        "name", "path", "state", "timeframe", "candles", "first_open", "last_open", "tries",
        "problem", "page",
    )  # fmt: skip
    list_filter = ("state", "timeframe", "synthetic")
    search_fields = ("name", "path")
    readonly_fields = as_documents(
        DataSet, (one.name for one in DataSet._meta.fields if one.name not in {"id", "name"})
    )
    fields = ("name", *readonly_fields)
    actions = ("read_again",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[DataSet]:
        """Without the reports, each of which may be large, in the list."""
        rows: QuerySet[DataSet] = super().get_queryset(request)
        match = request.resolver_match
        listed = match is not None and (match.url_name or "").endswith("_changelist")
        return rows.defer("report") if listed else rows

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Files in DATA_ROOT become data sets by themselves."""
        return False

    @admin.display(description="candles", ordering="bars")
    def candles(self, row: DataSet) -> str:
        """How many."""
        return whole(row.bars)

    @admin.display(description="page")
    def page(self, row: DataSet) -> SafeString:
        """Link to its data report."""
        return format_html('<a href="{}">Open</a>', reverse("runs:dataset", args=[row.pk]))

    @admin.action(description="Read the selected files again", permissions=["view"])
    def read_again(self, request: HttpRequest, rows: QuerySet[DataSet]) -> None:
        """Have workers examine and import them anew."""
        for row in rows:
            if read_again(row.pk):
                messages.success(request, f"{row.name}: waits to be read again.")
            else:
                messages.info(request, f"{row.name}: is being read just now.")


@admin.register(Job)
class JobAdmin(ReadOnly):
    """Predictions, leak checks and exports: what became of them, and another try."""

    list_display = (
        "uid", "kind", "state", "reason", "message", "worker", "run_page", "created_at",
        "finished_at",
    )  # fmt: skip
    list_filter = ("state", "reason", "kind", "created_at")
    search_fields = ("uid", "run__uid", "worker", "message")
    list_select_related = ("run",)
    show_full_result_count = False
    actions = ("try_again",)

    @admin.display(description="run")
    def run_page(self, job: Job) -> SafeString | str:
        """Link to its run's dashboard."""
        return run_link(job.run) if job.run else "–"

    @admin.action(description="Try the selected failed jobs again", permissions=["view"])
    def try_again(self, request: HttpRequest, rows: QuerySet[Job]) -> None:
        """Put what failed back to the queue."""
        for job in rows:
            if jobs.try_again(job.pk):
                messages.success(request, f"{job.uid}: waits to be tried again.")
            else:
                messages.error(request, f"{job.uid}: only a failed job can be tried again.")
