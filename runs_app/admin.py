"""The admin's lists of runs, with their actions, and of groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from runs_app.admin_documents import Documents, as_documents, json_columns
from runs_app.admin_lists import DataSetFilter, ReasonFilter
from runs_app.admin_sections import LABELS, Section, sections
from runs_app.choices import Priority
from runs_app.errors import RunError
from runs_app.execution.queue import Move
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.label_admin import LabelForm
from runs_app.models import Artifact, Checkpoint, RunGroup, TrainingRun
from runs_app.services.branch import branch_run
from runs_app.services.cancel import cancel_run
from runs_app.services.clone import clone_run
from runs_app.services.labels import edit_run
from runs_app.services.queue import QueueChange, change_turn
from runs_app.services.resume import resume_run
from runs_app.services.retry import retry_run
from runs_app.services.trash import purge_run, restore_run, trash_run
from runs_app.templatetags.runs_format import sig, size

HEAVY = tuple(json_columns(TrainingRun))
"""Columns that no list shows."""


def run_link(run: TrainingRun) -> SafeString:
    """Link to a run's dashboard."""
    return format_html('<a href="{}">{}</a>', reverse("runs:run_detail", args=[run.uid]), run)


class ReadOnly(Documents):
    """Rows that the product writes and that nobody edits by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody here: a run is deleted with its files by the action of its list."""
        return False


def file_link(run: TrainingRun, path: str) -> SafeString:
    """Link to a file of a run, by its path there."""
    return format_html('<a href="{}">{}</a>', reverse("runs:artifact", args=[run.uid, path]), path)


class CheckpointLines(admin.TabularInline):  # type: ignore[type-arg]
    """Checkpoints of a run."""

    model = Checkpoint
    extra = 0
    can_delete = False
    fields = readonly_fields = (
        "file",
        "epoch",
        "step",
        "val_loss",
        "size_bytes",
        "is_best",
        "pinned",
    )

    @admin.display(description="file")
    def file(self, row: Checkpoint) -> SafeString:
        """Its path, which leads to the file."""
        return file_link(row.run, row.path)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False


class ArtifactLines(admin.TabularInline):  # type: ignore[type-arg]
    """Files of a run."""

    model = Artifact
    extra = 0
    can_delete = False
    fields = readonly_fields = ("file", "kind", "size_bytes", "sha256")

    @admin.display(description="file")
    def file(self, row: Artifact) -> SafeString:
        """Its path, which leads to the file."""
        return file_link(row.run, row.path)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnly):
    """Runs: cancel or kill, resume, retry, branch, clone, trash, restore, delete for good."""

    list_display = (
        "uid",
        "name",
        "tag_words",
        "badge",
        "outcome",
        "reason",
        "epoch",
        "loss",
        "priority",
        "created_at",
        "page",
    )
    list_filter = (
        "status", "outcome", ReasonFilter, "priority", DataSetFilter, "kinship",
        ("trashed_at", admin.EmptyFieldListFilter), "created_at",
    )  # fmt: skip
    search_fields = ("uid", "name", "tags", "note", "message", "worker")
    search_help_text = "Id, name, tag, note, message or worker."
    show_full_result_count = False
    inlines = (CheckpointLines, ArtifactLines)
    actions = (
        "cancel", "resume", "retry", "branch", "clone", "trash", "restore", "purge",
        "to_top", "priority_high", "priority_normal", "priority_low",
    )  # fmt: skip
    list_per_page = 50
    form = LabelForm

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """What people call a run may be changed; of one in the trash nothing."""
        return isinstance(obj, TrainingRun) and not obj.is_trashed

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """What people call it first; its tags in words, not as they are stored."""
        names = [one.name for one in TrainingRun._meta.fields if one.name not in ("id", "tags")]
        others = (name for name in names if name not in LABELS)
        return (*LABELS, *as_documents(TrainingRun, others))

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> tuple[Section, ...]:
        """What is asked for most first; documents and bookkeeping open on request."""
        return sections(self.get_fields(request, obj))

    def get_readonly_fields(
        self, request: HttpRequest, obj: Model | None = None
    ) -> tuple[str, ...]:
        """All but what people call it."""
        return tuple(name for name in self.get_fields(request, obj) if name not in LABELS)

    def save_model(self, request: HttpRequest, obj: Model, form: LabelForm, change: bool) -> None:  # noqa: FBT001
        """By the service: the row as the form knows it is old already where the run trains."""
        try:
            edit_run(cast("TrainingRun", obj).uid, form.edit)
        except RunError as error:
            messages.error(request, str(error))

    def get_queryset(self, request: HttpRequest) -> QuerySet[TrainingRun]:
        """The list without what it does not show."""
        runs: QuerySet[TrainingRun] = super().get_queryset(request)
        match = request.resolver_match
        listed = match is not None and (match.url_name or "").endswith("_changelist")
        return runs.defer(*HEAVY) if listed else runs

    @admin.display(description="tags", ordering="tags")
    def tag_words(self, run: TrainingRun) -> str:
        """The tags, parted by commas; the note stands on the page of the run."""
        return ", ".join(run.tag_list)

    @admin.display(description="validation loss", ordering="val_loss")
    def loss(self, run: TrainingRun) -> str:
        """Four digits."""
        return sig(run.val_loss)

    @admin.display(description="status", ordering="status")
    def badge(self, run: TrainingRun) -> SafeString:
        """The state in the colour it has on the pages."""
        return format_html(
            '<span class="run-state {}">{}</span>', run.status, run.get_status_display()
        )

    @admin.display(description="pages")
    def page(self, run: TrainingRun) -> SafeString:
        """Links to the run's dashboard and to its events here."""
        return format_html(
            '<a href="{}">Open</a> · <a href="{}?run__id__exact={}">Events</a>',
            reverse("runs:run_detail", args=[run.uid]),
            reverse("admin:runs_app_runevent_changelist"),
            run.pk,
        )

    @admin.action(
        description="Cancel the selected runs; those being cancelled, kill now",
        permissions=["view"],
    )
    def cancel(self, request: HttpRequest, runs: QuerySet[TrainingRun]) -> None:
        """Cancel what has not ended yet; end what was asked before without waiting for it."""
        _each(request, runs, cancel_run, lambda run, after: f"{run.uid}: {_cancelled(after)}.")

    @admin.action(description="Resume the selected runs", permissions=["view"])
    def resume(self, request: HttpRequest, runs: QuerySet[TrainingRun]) -> None:
        """Go on with what was cancelled or failed."""
        _each(request, runs, resume_run, lambda run, _: f"{run.uid}: waits to go on.")

    @admin.action(
        description="Retry the selected runs that their machine ended", permissions=["view"]
    )
    def retry(self, request: HttpRequest, runs: QuerySet[TrainingRun]) -> None:
        """Try once more, as the same runs."""
        _each(request, runs, retry_run, lambda run, _: f"{run.uid}: waits to be tried again.")

    @admin.action(description="Branch from the best weights of the selected", permissions=["view"])
    def branch(self, request: HttpRequest, runs: QuerySet[TrainingRun]) -> None:
        """New runs that start from the weights of these."""
        _each(
            request,
            runs,
            branch_run,
            lambda run, new: f"{run.uid}: branched as {new.uid}, {new.parent_checkpoint}.",
        )

    @admin.action(description="Clone the selected runs", permissions=["view"])
    def clone(self, request: HttpRequest, runs: QuerySet[TrainingRun]) -> None:
        """New runs with the settings of these."""
        _each(request, runs, clone_run, lambda run, new: f"{run.uid}: cloned as {new.uid}.")

    @admin.action(description="Queue: move the selected runs to the top", permissions=["view"])
    def to_top(self, request: HttpRequest, runs: QuerySet[TrainingRun]) -> None:
        """The newest first, so that they keep their order."""
        change = QueueChange(move=Move.TOP)
        _each(
            request,
            runs.order_by("priority", "-rank", "-pk"),
            lambda uid: change_turn(uid, change),
            lambda run, _: f"{run.uid}: at the top of its priority.",
        )

    @admin.action(description="Queue: give high priority", permissions=["view"])
    def priority_high(self, request: HttpRequest, runs: QuerySet[TrainingRun]) -> None:
        """They start before the others."""
        _prioritise(request, runs, Priority.HIGH)

    @admin.action(description="Queue: give normal priority", permissions=["view"])
    def priority_normal(self, request: HttpRequest, runs: QuerySet[TrainingRun]) -> None:
        """They start in the order in which they came."""
        _prioritise(request, runs, Priority.NORMAL)

    @admin.action(description="Queue: give low priority", permissions=["view"])
    def priority_low(self, request: HttpRequest, runs: QuerySet[TrainingRun]) -> None:
        """They start after the others."""
        _prioritise(request, runs, Priority.LOW)

    @admin.action(description="Move the selected runs to the trash", permissions=["view"])
    def trash(self, request: HttpRequest, runs: QuerySet[TrainingRun]) -> None:
        """Move what has ended to the trash."""
        _each(request, runs, trash_run, lambda run, _: f"{run.uid}: moved to the trash.")

    @admin.action(description="Restore the selected runs from the trash", permissions=["view"])
    def restore(self, request: HttpRequest, runs: QuerySet[TrainingRun]) -> None:
        """Take runs out of the trash."""
        _each(request, runs, restore_run, lambda run, _: f"{run.uid}: restored.")

    @admin.action(
        description="Delete the selected runs of the trash for good", permissions=["view"]
    )
    def purge(self, request: HttpRequest, runs: QuerySet[TrainingRun]) -> None:
        """Delete what is in the trash, and say how much that freed."""
        _each(request, runs, purge_run, lambda run, freed: f"{run.uid}: freed {size(freed)}.")


def _cancelled(run: TrainingRun) -> str:
    if run.is_final:
        return "cancelled"
    return "is killed" if run.kill_requested_at else "stops when it has saved"


def _each(
    request: HttpRequest,
    runs: QuerySet[TrainingRun],
    act: Callable[[str], Any],
    told: Callable[[TrainingRun, Any], str],
) -> None:
    """Do one thing to each run, and tell of each how it went."""
    for run in runs:
        try:
            messages.success(request, told(run, act(run.uid)))
        except (RunError, ConfigInvalid, OSError) as error:
            messages.error(request, f"{run.uid}: {error}")


def _prioritise(request: HttpRequest, runs: QuerySet[TrainingRun], priority: Priority) -> None:
    change = QueueChange(priority=priority)
    told = f"{priority.label} priority.".lower()
    _each(request, runs, lambda uid: change_turn(uid, change), lambda run, _: f"{run.uid}: {told}")


@admin.register(RunGroup)
class RunGroupAdmin(ReadOnly):
    """Groups; they are cancelled and deleted on their own pages."""

    list_display = ("uid", "name", "folds", "seeds", "scheme", "created_at", "page")
    search_fields = ("uid", "name")

    @admin.display(description="page")
    def page(self, group: RunGroup) -> SafeString:
        """Link to the group's page."""
        return format_html('<a href="{}">Open</a>', reverse("runs:group_detail", args=[group.uid]))
