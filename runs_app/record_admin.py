"""The admin's lists of what belongs to runs: events to read, checkpoints to pin, files."""

from __future__ import annotations

import json

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from runs_app.admin import ReadOnly, run_link
from runs_app.admin_documents import document
from runs_app.admin_lists import AttemptFilter, BoundedPaginator
from runs_app.errors import RunError
from runs_app.models import Artifact, Checkpoint, RunEvent, TrainingRun
from runs_app.services.checkpoints import pin_checkpoint
from runs_app.templatetags.runs_format import sig, size

GIST_LETTERS = 100


@admin.register(RunEvent)
class RunEventAdmin(ReadOnly):
    """The log of events; it only grows."""

    list_display = ("seq", "run_page", "kind", "attempt", "at", "gist")
    list_filter = ("kind", AttemptFilter)
    search_fields = ("run__uid",)
    search_help_text = "Id of a run."
    list_select_related = ("run",)
    ordering = ("-id",)
    sortable_by = ()
    show_full_result_count = False
    paginator = BoundedPaginator
    fields = readonly_fields = ("run_page", "seq", "attempt", "kind", "at", "content")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[RunEvent], search_term: str
    ) -> tuple[QuerySet[RunEvent], bool]:
        """Events of the run with this id, found by the index."""
        term = search_term.strip()
        if not term:
            return queryset, False
        runs = TrainingRun.objects.filter(uid=term.lower()).values_list("pk", flat=True)
        return queryset.filter(run_id__in=list(runs)).order_by("-seq"), False

    @admin.display(description="run")
    def run_page(self, event: RunEvent) -> SafeString:
        """Link to its run's dashboard."""
        return run_link(event.run)

    @admin.display(description="content")
    def gist(self, event: RunEvent) -> str:
        """The beginning of what it says."""
        said = event.payload.get("message") or json.dumps(event.payload, ensure_ascii=False)
        return said if len(said) <= GIST_LETTERS else f"{said[:GIST_LETTERS]}…"

    @admin.display(description="content")
    def content(self, event: RunEvent) -> SafeString | str:
        """All of it, one key a line."""
        return document(event.payload, "content")


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnly):
    """Checkpoints of all runs: read, pin, let go again."""

    list_display = (
        "path", "run_page", "epoch", "step", "loss", "bytes", "is_best", "pinned", "created_at",
    )  # fmt: skip
    list_filter = ("pinned", "is_best", "is_last")
    search_fields = ("run__uid", "path")
    list_select_related = ("run",)
    show_full_result_count = False
    paginator = BoundedPaginator
    ordering = ("-id",)
    actions = ("pin", "unpin")

    @admin.display(description="run")
    def run_page(self, row: Checkpoint) -> SafeString:
        """Link to its run's dashboard."""
        return run_link(row.run)

    @admin.display(description="validation loss", ordering="val_loss")
    def loss(self, row: Checkpoint) -> str:
        """Four digits."""
        return sig(row.val_loss)

    @admin.display(description="size", ordering="size_bytes")
    def bytes(self, row: Checkpoint) -> str:
        """With its unit."""
        return size(row.size_bytes)

    @admin.action(description="Pin the selected checkpoints", permissions=["view"])
    def pin(self, request: HttpRequest, rows: QuerySet[Checkpoint]) -> None:
        """Keep them whatever their scores."""
        self._set(request, rows, pinned=True)

    @admin.action(description="Unpin the selected checkpoints", permissions=["view"])
    def unpin(self, request: HttpRequest, rows: QuerySet[Checkpoint]) -> None:
        """Keep them no longer than their scores are worth."""
        self._set(request, rows, pinned=False)

    @staticmethod
    def _set(request: HttpRequest, rows: QuerySet[Checkpoint], *, pinned: bool) -> None:
        for row in rows:
            try:
                pin_checkpoint(row.run.uid, row.path, pinned=pinned)
            except (RunError, OSError) as error:
                messages.error(request, f"{row.run.uid}: {error}")
            else:
                done = "pinned" if pinned else "no longer pinned"
                messages.success(request, f"{row.run.uid}: {row.path} is {done}.")


@admin.register(Artifact)
class ArtifactAdmin(ReadOnly):
    """Files of all runs."""

    list_display = ("path", "run_page", "kind", "bytes", "created_at")
    list_filter = ("kind",)
    search_fields = ("run__uid", "path")
    list_select_related = ("run",)
    show_full_result_count = False
    paginator = BoundedPaginator
    ordering = ("-id",)

    @admin.display(description="run")
    def run_page(self, row: Artifact) -> SafeString:
        """Link to its run's dashboard."""
        return run_link(row.run)

    @admin.display(description="size", ordering="size_bytes")
    def bytes(self, row: Artifact) -> str:
        """With its unit."""
        return size(row.size_bytes)
