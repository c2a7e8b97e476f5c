"""The admin site's pages of the queue: workers to read, slots to drain, the queue to pause."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from runs_app.admin import ReadOnly
from runs_app.errors import RunError
from runs_app.models import Queue, Slot, Worker
from runs_app.queueing.health import Level
from runs_app.queueing.order import database_row, waiting
from runs_app.queueing.page import read_health
from runs_app.services.queue import drain_slot, pause_queue, resume_queue


class TellsHealth(ReadOnly):
    """A list that says above its rows what holds the queue back."""

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list with the findings of this moment."""
        if request.method == "GET":
            for one in read_health():
                level = messages.INFO if one.level == Level.NOTE else messages.WARNING
                messages.add_message(request, level, one.sentence)
        answer: HttpResponse = super().changelist_view(request, extra_context)
        return answer


@admin.register(Worker)
class WorkerAdmin(TellsHealth):
    """Worker processes, by their own word."""

    list_display = ("name", "host", "seen_at", "heard_at", "stopping", "disk", "blocked")
    list_filter = ("host", "stopping")
    search_fields = ("name",)

    @admin.display(description="disk free")
    def disk(self, worker: Worker) -> str:
        """Room where it stores runs."""
        return f"{filesizeformat(worker.disk_free)} of {filesizeformat(worker.disk_total)}"


@admin.register(Slot)
class SlotAdmin(TellsHealth):
    """Places for runs; drained ones finish what runs and start nothing new."""

    list_display = ("name", "host", "label", "drained", "run_link", "free_since", "seen_at")
    list_filter = ("host", "drained")
    search_fields = ("name", "host", "gpu")
    list_select_related = ("run",)
    actions = ("drain", "undrain")

    @admin.display(description="run")
    def run_link(self, slot: Slot) -> SafeString | str:
        """Link to the dashboard of the run on it."""
        if slot.run is None:
            return "–"
        return format_html(
            '<a href="{}">{}</a>', reverse("runs:run_detail", args=[slot.run.uid]), slot.run
        )

    @admin.action(description="Drain the selected slots", permissions=["view"])
    def drain(self, request: HttpRequest, slots: QuerySet[Slot]) -> None:
        """Let nothing new start there."""
        _drain_each(request, slots, drained=True)

    @admin.action(description="Use the selected slots again", permissions=["view"])
    def undrain(self, request: HttpRequest, slots: QuerySet[Slot]) -> None:
        """Let runs start there again."""
        _drain_each(request, slots, drained=False)


def _drain_each(request: HttpRequest, slots: QuerySet[Slot], *, drained: bool) -> None:
    for slot in slots:
        try:
            drain_slot(slot.host, slot.name, drained=drained)
        except RunError as error:
            messages.error(request, str(error))
        else:
            what = "drained" if drained else "used again"
            messages.success(request, f"{slot}: {what}.")


@admin.register(Queue)
class QueueAdmin(TellsHealth):
    """The one row of the queue, with its switch."""

    list_display = ("state", "paused_at", "runs_waiting", "swept_at", "page")
    list_display_links = None
    actions = ("pause", "let_run")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The row is there, even before anything has waited."""
        database_row()
        return super().changelist_view(request, extra_context)

    @admin.display(description="queue")
    def state(self, queue: Queue) -> str:
        """Paused or open."""
        return str(queue)

    @admin.display(description="waiting")
    def runs_waiting(self, queue: Queue) -> int:
        """Runs that wait."""
        return waiting().count()

    @admin.display(description="page")
    def page(self, queue: Queue) -> SafeString:
        """Link to the queue's page."""
        return format_html('<a href="{}">Open</a>', reverse("runs:queue"))

    @admin.action(description="Pause the queue", permissions=["view"])
    def pause(self, request: HttpRequest, rows: QuerySet[Queue]) -> None:
        """Let nothing new start."""
        pause_queue()
        messages.success(request, "The queue is paused: what runs goes on, nothing new starts.")

    @admin.action(description="Let the queue run", permissions=["view"])
    def let_run(self, request: HttpRequest, rows: QuerySet[Queue]) -> None:
        """Let runs start again."""
        resume_queue()
        messages.success(request, "The queue runs.")
