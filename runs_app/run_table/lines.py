"""Rows of the run table: of each run what a row shows, never its whole configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import F
from django.db.models.fields.json import KT

from runs_app.choices import RunStatus
from runs_app.endings import reason_label
from runs_app.judgement import Badge, badge_of
from runs_app.models import TrainingRun
from runs_app.next_steps import interruption
from runs_app.queries import about, is_cancelling, running_seconds

_READ = (
    "uid", "name", "status", "reason", "message", "tags", "priority", "archived_at", "trashed_at",
    "created_at", "started_at", "finished_at", "cancel_requested_at", "kill_requested_at",
    "epoch", "step", "train_loss", "val_loss", "best_val_loss", "metrics",
    "val_nll", "val_crps", "val_pinball", "val_rmse", "val_da", "val_f1", "skill", "seconds",
    "size_bytes", "outcome", "leaks", "attempt", "losses", "preset",
)  # fmt: skip


@dataclass(frozen=True)
class RunLine:
    """One row of a run table."""

    run: TrainingRun = about("The run, without its configuration.")
    variant: str = about("Preset the network started from.")
    loss_label: str = about("Kind of the regression loss, in words.")
    source: str = about("Candle file, relative to DATA_ROOT.")
    max_epochs: int | None = about("Epochs the run was asked for.")
    seconds: float | None = about("Running time so far or in all; None before it started.")
    cancelling: bool = about("True from the wish to cancel until the run has ended.")
    interruption: str = about("Why it waits again, in a sentence; empty where it does not.")
    reason_label: str = about("Why it ended, in words; empty where it completed or is live.")
    badge: Badge | None = about("The outcome of the verdict; None where it was not judged.")
    group: str = about("Public id of its group; empty for a single run.")

    @property
    def progress(self) -> float:
        """Share of the steps of all epochs that were taken, 0 to 1."""
        steps = self.run.metrics.get("steps_per_epoch")
        if not (self.run.step and isinstance(steps, int) and steps and self.max_epochs):
            return 0.0
        return min(self.run.step / (steps * self.max_epochs), 1.0)


def run_lines(ids: list[int]) -> list[RunLine]:
    """Table rows of the runs with these keys, in the order given. One query, no configuration."""
    found = {
        run.pk: run
        for run in TrainingRun.objects.filter(pk__in=ids)
        .only(*_READ)
        .annotate(
            variant=KT("config__model__variant"),
            loss=KT("config__loss__kind"),
            source=KT("config__data__source"),
            max_epochs=KT("config__train__max_epochs"),
            group_uid=F("group__uid"),
        )
    }
    return [_line(found[key]) for key in ids if key in found]


def _line(run: Any) -> RunLine:
    return RunLine(
        run=run,
        variant=run.variant or "",
        loss_label=(run.loss or "").replace("_", " "),
        source=run.source or "",
        max_epochs=int(run.max_epochs) if run.max_epochs else None,
        seconds=running_seconds(run),
        cancelling=is_cancelling(run),
        interruption=interruption(run),
        reason_label=reason_label(run) if run.status == RunStatus.FAILED else "",
        badge=badge_of(run),
        group=run.group_uid or "",
    )
