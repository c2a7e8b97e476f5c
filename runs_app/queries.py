"""Every read of the pages, returned as the dataclass that is the template's contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import yaml
from django.db.models import QuerySet
from django.utils import timezone

from runs_app import log_lines
from runs_app.checkpoint_lines import CheckpointLine, checkpoint_lines
from runs_app.choices import ArtifactKind, EventKind, RunStatus
from runs_app.errors import RunNotFound
from runs_app.forecasting.config.document import to_yaml, validate
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.judgement import Judgement, judgement
from runs_app.log_lines import LogLine
from runs_app.models import Artifact, TrainingRun
from runs_app.next_steps import NextSteps, next_steps
from runs_app.queueing.turns import Turn, turn_of
from runs_app.resumption import resume_step
from runs_app.standings import Standings, standings

PAGE_SIZE = 25
PREVIEWED = (".yaml", ".json", ".jsonl", ".log", ".txt", ".csv", ".parquet")
"""Files whose beginning a page can show."""

USUAL_POINTS = 100
"""Newest metric points that tell how long the pause between two may be."""

LATE_FACTOR = 2.0
LATE_SECONDS = 15.0
"""A shorter pause than this is nothing to look at."""

MEBIBYTE = 1024 * 1024
"""Readings of the machine are in these."""

FAILURE_LINES = 12
"""Console lines that a failed run shows beside its reason."""


def about(text: str) -> Any:
    """A field of a page's context, with what it means to the template's author."""
    return field(metadata={"help": text})


@dataclass(frozen=True)
class ArtifactLine:
    """One file of a run."""

    path: str = about("Relative to the run directory; also its address.")
    label: str = about("What it is, in words.")
    size_bytes: int = about("Size on disk.")
    created_at: datetime = about("When it was registered.")

    @property
    def can_preview(self) -> bool:
        """True where its beginning can be shown."""
        return self.path.endswith(PREVIEWED)


@dataclass(frozen=True)
class DashboardPage:
    """Context of the live dashboard; each panel's partial and each live update read the same."""

    run: TrainingRun = about("The run with its snapshot.")
    metrics: Mapping[str, Any] = about("Latest value of every metric by name.")
    max_epochs: int | None = about("Epochs the run was asked for.")
    progress: float = about("Share of the steps of all epochs that were taken, 0 to 1.")
    cancelling: bool = about("True from the wish to cancel until the run has ended.")
    next: NextSteps = about("Where it comes from, and the ways on from it.")
    resume_step: int | None = about("Step a cancelled or failed run can go on from; else None.")
    turn: Turn | None = about("Its turn in the queue; None where it does not wait.")
    seconds: float | None = about("Running time so far or in all.")
    newest: datetime | None = about("When the newest metric point was made; None before it.")
    expected_seconds: float | None = about("How old it may get while the run runs; else None.")
    checkpoints: list[CheckpointLine] = about("Newest first; best.ckpt and last.ckpt on top.")
    artifacts: list[ArtifactLine] = about("Files other than checkpoints.")
    disk_bytes: float | None = about("What its files take: at the newest reading, or in the end.")
    last_lines: Sequence[LogLine] = about("The end of the console, for a run that failed.")
    judgement: Judgement | None = about("Verdict and leak check; None before the run has ended.")
    standings: Standings = about("The model and the baselines on the validation part.")


def running_seconds(run: TrainingRun) -> float | None:
    """Seconds from the start to the end, or to now while it runs; None while it waits."""
    if run.started_at is None or run.status == RunStatus.PENDING:
        return None
    return ((run.finished_at or timezone.now()) - run.started_at).total_seconds()


def is_cancelling(run: TrainingRun) -> bool:
    """True while the wish to cancel is on record and the run has not ended."""
    return run.is_live and run.cancel_requested_at is not None


def get_run(uid: str) -> TrainingRun:
    """The run with this public id. Raises ``RunNotFound``."""
    run = TrainingRun.objects.filter(uid=uid).first()
    if run is None:
        raise RunNotFound(f"There is no run {uid}.")
    return run


def dashboard(run: TrainingRun) -> DashboardPage:
    """Everything the panels of one run show, but its log and curves."""
    newest, expected = _newest_point(run)
    checkpoints, artifacts = checkpoint_lines(run), _artifacts(run)
    return DashboardPage(
        run=run,
        metrics=run.metrics,
        max_epochs=run.config.get("train", {}).get("max_epochs"),
        progress=_progress(run),
        cancelling=is_cancelling(run),
        next=next_steps(run),
        resume_step=resume_step(run),
        turn=turn_of(run),
        seconds=running_seconds(run),
        newest=newest,
        expected_seconds=expected,
        checkpoints=checkpoints,
        artifacts=artifacts,
        disk_bytes=_disk_bytes(run, [*checkpoints, *artifacts]),
        last_lines=log_lines.newest(run.pk, up_to=run.last_seq, limit=FAILURE_LINES).lines
        if run.status == RunStatus.FAILED
        else [],
        judgement=judgement(run),
        standings=standings(run),
    )


def _newest_point(run: TrainingRun) -> tuple[datetime | None, float | None]:
    """When the newest point was made, and how many seconds until the next one are usual.

    The longest pause among the newest points counts, so that a validation is not taken for a stop.
    """
    own = run.events.filter(kind=EventKind.METRICS, attempt=run.attempt).order_by("-seq")
    times = list(own.values_list("at", flat=True)[:USUAL_POINTS])
    if not times:
        return None, None
    if run.status != RunStatus.RUNNING:
        return times[0], None
    pauses = [(a - b).total_seconds() for a, b in zip(times, times[1:], strict=False)]
    return times[0], max(LATE_FACTOR * max(pauses, default=0.0), LATE_SECONDS)


def _progress(run: TrainingRun) -> float:
    steps: int | None = run.metrics.get("steps_per_epoch")
    epochs: int | None = run.config.get("train", {}).get("max_epochs")
    if not (run.step and steps and epochs):
        return 0.0
    return min(run.step / (steps * epochs), 1.0)


def _disk_bytes(run: TrainingRun, files: Sequence[CheckpointLine | ArtifactLine]) -> float | None:
    if run.is_final:
        return sum(file.size_bytes for file in files)
    measured: float | None = run.metrics.get("run_disk_mb")
    return None if measured is None else measured * MEBIBYTE


def _artifacts(run: TrainingRun) -> list[ArtifactLine]:
    rows: QuerySet[Artifact] = run.artifacts.exclude(kind=ArtifactKind.CHECKPOINT)
    return [
        ArtifactLine(row.path, row.get_kind_display(), row.size_bytes, row.created_at)
        for row in rows
    ]


def config_yaml(run: TrainingRun) -> str:
    """The run's resolved configuration as YAML, in the order of the schema."""
    try:
        return to_yaml(validate(run.config))
    except ConfigInvalid:  # made under an older schema; a database may have changed the order
        return yaml.safe_dump(run.config, allow_unicode=True)


def beside(run: TrainingRun) -> tuple[TrainingRun | None, TrainingRun | None]:
    """The next newer and the next older run that lists show, by id and name alone."""
    listed = TrainingRun.objects.visible().filter(archived_at=None).only("uid", "name")
    newer = listed.filter(pk__gt=run.pk).order_by("pk").first()
    return newer, listed.filter(pk__lt=run.pk).order_by("-pk").first()
