"""Every read of the pages, returned as the dataclass that is the template's contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import yaml
from django.core.paginator import Page, Paginator
from django.db.models import F, OrderBy, Q, QuerySet
from django.db.models.fields.json import KT
from django.utils import timezone

from runs_app import log_lines
from runs_app.checkpoint_lines import CheckpointLine, checkpoint_lines
from runs_app.choices import FINAL, LIVE, ArtifactKind, EventKind, Judged, RunStatus
from runs_app.endings import reason_label
from runs_app.errors import RunNotFound
from runs_app.forecasting.config.document import to_yaml, validate
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.judgement import Badge, Judgement, badge_of, judgement
from runs_app.log_lines import LogLine
from runs_app.machine import Machine, read_machine
from runs_app.models import Artifact, DataSet, RunEvent, TrainingRun
from runs_app.next_steps import NextSteps, interruption, next_steps
from runs_app.queueing.health import Finding
from runs_app.queueing.page import read_health
from runs_app.queueing.turns import Turn, turn_of
from runs_app.resumption import resume_step
from runs_app.series import CURVE_KINDS, Points, read_points
from runs_app.standings import Standings, standings

PAGE_SIZE = 25
USUAL_POINTS = 100
"""Newest metric points that tell how long the pause between two may be."""

LATE_FACTOR = 2.0
LATE_SECONDS = 15.0
"""A shorter pause than this is nothing to look at."""

FAILURE_LINES = 12
"""Console lines that a failed run shows beside its reason."""

SORTS: dict[str, tuple[str, str]] = {
    "name": ("name", "Run"),
    "status": ("status", "Status"),
    "epoch": ("epoch", "Epoch"),
    "train_loss": ("train_loss", "Train loss"),
    "val_loss": ("val_loss", "Val loss"),
    "best": ("best_val_loss", "Best"),
    "created": ("created_at", "Created"),
}
"""What the run table can be sorted by: word in the address, column, heading."""

_LIST_COLUMNS = (
    "uid", "name", "status", "reason", "message", "created_at", "started_at", "finished_at",
    "cancel_requested_at", "epoch", "step", "train_loss", "val_loss", "best_val_loss", "metrics",
    "outcome", "leaks", "attempt", "losses", "kill_requested_at",
)  # fmt: skip


def about(text: str) -> Any:
    """A field of a page's context, with what it means to the template's author."""
    return field(metadata={"help": text})


@dataclass(frozen=True)
class RunLine:
    """One row of a run table."""

    run: TrainingRun = about("The run, without its configuration.")
    variant: str = about("Preset the network started from.")
    loss_label: str = about("Kind of the regression loss, in words.")
    source: str = about("Candle file, relative to DATA_ROOT.")
    max_epochs: int | None = about("Epochs the run was asked for.")
    val_da: float | None = about("Latest directional accuracy, 0 to 1.")
    seconds: float | None = about("Running time so far or in all; None before it started.")
    cancelling: bool = about("True from the wish to cancel until the run has ended.")
    interruption: str = about("Why it waits again, in a sentence; empty where it does not.")
    reason_label: str = about("Why it ended, in words; empty where it completed or is live.")
    badge: Badge | None = about("The outcome of the verdict; None where it was not judged.")
    group: str = about("Public id of its group; empty for a single run.")


@dataclass(frozen=True)
class RunFilter:
    """What the user asked the run table for; always valid."""

    search: str = ""
    status: str = ""
    outcome: str = ""
    group: str = ""
    sort: str = "created"
    descending: bool = True
    page: int = 1

    @property
    def is_default(self) -> bool:
        """True when nothing narrows the table."""
        return not (self.search or self.status or self.outcome or self.group)


@dataclass(frozen=True)
class RunListPage:
    """Context of the run table."""

    lines: list[RunLine] = about("The rows of this page of the table.")
    page: Page[TrainingRun] = about("Numbers of this, the previous and the next page.")
    wanted: RunFilter = about("Search, filter and order in force.")
    headings: list[dict[str, Any]] = about(
        "Sortable columns: key, label, active, descending, next."
    )
    total: int = about("Runs outside the trash, whatever the filter.")


@dataclass(frozen=True)
class HomePage:
    """Context of the home page."""

    live: list[RunLine] = about("Pending and running runs, the running ones first; 20 at most.")
    running: int = about("Runs that train now.")
    pending: int = about("Runs that wait.")
    recent: list[RunLine] = about("The newest runs that have ended.")
    total: int = about("Runs in the database, without the trash.")
    sample: DataSet | None = about("The bundled synthetic data set, where it is there.")
    machine: Machine = about("What this machine has left.")
    findings: list[Finding] = about("What holds the queue back, the worst first.")


@dataclass(frozen=True)
class ArtifactLine:
    """One file of a run."""

    path: str = about("Relative to the run directory; also its address.")
    label: str = about("What it is, in words.")
    size_bytes: int = about("Size on disk.")
    created_at: datetime = about("When it was registered.")


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
    newest: datetime | None = about("When the newest metric point was made; before it, any event.")
    expected_seconds: float | None = about("How old it may get while the run runs; else None.")
    checkpoints: list[CheckpointLine] = about("Newest first; best.ckpt and last.ckpt on top.")
    artifacts: list[ArtifactLine] = about("Files other than checkpoints.")
    last_lines: Sequence[LogLine] = about("The end of the console, for a run that failed.")
    judgement: Judgement | None = about("Verdict and leak check; None before the run has ended.")
    standings: Standings = about("The model and the baselines on the validation part.")


def filter_runs(wanted: RunFilter) -> QuerySet[TrainingRun]:
    """The runs the filter asks for, in its order.

    A run whose value is absent or not finite comes last, in whichever direction.
    """
    runs = TrainingRun.objects.visible()
    if wanted.search:
        runs = runs.filter(Q(name__icontains=wanted.search) | Q(uid__icontains=wanted.search))
    if wanted.status in RunStatus.values:
        runs = runs.filter(status=wanted.status)
    if wanted.outcome in Judged.values:
        runs = runs.filter(outcome=wanted.outcome)
    if wanted.group:
        runs = runs.filter(group__uid=wanted.group)
    column = SORTS[wanted.sort][0]
    order = OrderBy(F(column), descending=wanted.descending, nulls_last=True)
    if column == "created_at":
        order = OrderBy(F(column), descending=wanted.descending)
    return runs.order_by(order, "-id")


def run_lines(ids: list[int]) -> list[RunLine]:
    """Table rows of the runs with these keys, in the order given. One query, no configuration."""
    found = {
        run.pk: run
        for run in TrainingRun.objects.filter(pk__in=ids)
        .only(*_LIST_COLUMNS)
        .annotate(
            variant=KT("config__model__variant"),
            loss=KT("config__loss__kind"),
            source=KT("config__data__source"),
            max_epochs=KT("config__train__max_epochs"),
            group_uid=F("group__uid"),
        )
    }
    return [_run_line(found[key]) for key in ids if key in found]


def _run_line(run: Any) -> RunLine:
    return RunLine(
        run=run,
        variant=run.variant or "",
        loss_label=(run.loss or "").replace("_", " "),
        source=run.source or "",
        max_epochs=int(run.max_epochs) if run.max_epochs else None,
        val_da=run.metrics.get("val_da"),
        seconds=running_seconds(run),
        cancelling=is_cancelling(run),
        interruption=interruption(run),
        reason_label=reason_label(run) if run.status == RunStatus.FAILED else "",
        badge=badge_of(run),
        group=run.group_uid or "",
    )


def running_seconds(run: TrainingRun) -> float | None:
    """Seconds from the start to the end, or to now while it runs; None while it waits."""
    if run.started_at is None or run.status == RunStatus.PENDING:
        return None
    return ((run.finished_at or timezone.now()) - run.started_at).total_seconds()


def is_cancelling(run: TrainingRun) -> bool:
    """True while the wish to cancel is on record and the run has not ended."""
    return run.is_live and run.cancel_requested_at is not None


def run_list(wanted: RunFilter) -> RunListPage:
    """One page of the run table; a page number past the end gives the last page."""
    paginator = Paginator(filter_runs(wanted).only("pk"), PAGE_SIZE)
    page = paginator.get_page(wanted.page)
    total = paginator.count if wanted.is_default else TrainingRun.objects.visible().count()
    return RunListPage(
        lines=run_lines([run.pk for run in page.object_list]),
        page=page,
        wanted=wanted,
        headings=[_heading(key, wanted) for key in SORTS],
        total=total,
    )


def _heading(key: str, wanted: RunFilter) -> dict[str, Any]:
    active = wanted.sort == key
    # A first click shows the newest, the lowest loss, the first name.
    first_descending = key in {"created", "epoch"}
    descending = not wanted.descending if active else first_descending
    return {
        "key": key,
        "label": SORTS[key][1],
        "active": active,
        "descending": wanted.descending,
        "next": "desc" if descending else "asc",
    }


def home() -> HomePage:
    """What runs now, what ended last, and where a newcomer can begin."""
    runs = TrainingRun.objects.visible()
    live = runs.filter(status__in=LIVE).order_by("-status", "-priority", "rank")
    recent = runs.filter(status__in=FINAL)
    return HomePage(
        live=run_lines(list(live.values_list("pk", flat=True)[:20])),
        recent=run_lines(list(recent.values_list("pk", flat=True)[:8])),
        running=live.filter(status=RunStatus.RUNNING).count(),
        pending=live.filter(status=RunStatus.PENDING).count(),
        total=runs.count(),
        machine=read_machine(),
        findings=read_health(),
        sample=DataSet.objects.filter(synthetic=True, problem="").first(),
    )


def get_run(uid: str) -> TrainingRun:
    """The run with this public id. Raises ``RunNotFound``."""
    run = TrainingRun.objects.filter(uid=uid).first()
    if run is None:
        raise RunNotFound(f"There is no run {uid}.")
    return run


def dashboard(run: TrainingRun) -> DashboardPage:
    """Everything the panels of one run show, but its log and curves."""
    newest, expected = _newest_point(run)
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
        checkpoints=checkpoint_lines(run),
        artifacts=_artifacts(run),
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
        return run.events.order_by("-seq").values_list("at", flat=True).first(), None
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


def _artifacts(run: TrainingRun) -> list[ArtifactLine]:
    rows: QuerySet[Artifact] = run.artifacts.exclude(kind=ArtifactKind.CHECKPOINT)
    return [
        ArtifactLine(row.path, row.get_kind_display(), row.size_bytes, row.created_at)
        for row in rows
    ]


def points(run: TrainingRun, *, up_to: int) -> Points:
    """The run's curves from events with ``seq`` up to a number; what was done again is apart."""
    events = (
        RunEvent.objects.filter(run_id=run.pk, kind__in=CURVE_KINDS, seq__lte=up_to)
        .order_by("seq")
        .values_list("attempt", "payload")
        .iterator(chunk_size=5000)
    )
    return read_points(events)


def config_yaml(run: TrainingRun) -> str:
    """The run's resolved configuration as YAML, in the order of the schema."""
    try:
        return to_yaml(validate(run.config))
    except ConfigInvalid:  # made under an older schema; a database may have changed the order
        return yaml.safe_dump(run.config, allow_unicode=True)
