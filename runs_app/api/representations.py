"""Runs, checkpoints and files as JSON, in the shapes the OpenAPI document shows."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any
from urllib.parse import quote

from ninja import Schema

from runs_app.checkpoint_lines import loss_words
from runs_app.choices import EventKind
from runs_app.endings import buttons, ending, reason_label
from runs_app.forecasting.events import CONFIG_FILE
from runs_app.judgement import judgement
from runs_app.live.payloads import iso_utc
from runs_app.log_lines import entries_of
from runs_app.models import Artifact, Checkpoint, RunEvent, TrainingRun
from runs_app.queueing.turns import Turn, turn_of
from runs_app.remedies import fields_at_fault, suggestion
from runs_app.resumption import resume_step
from runs_app.services.report import ReportPage

LOG_PAGE_EVENTS = 32
LOG_PAGE_CHARACTERS = 8 * 1024 * 1024
"""Most text of one answer, but for the rest of the events read with it."""


class CheckpointOut(Schema):
    """A complete checkpoint file."""

    name: str
    path: str
    epoch: int
    step: int
    val_loss: float | str | None
    size_bytes: int
    sha256: str
    is_best: bool
    is_last: bool
    pinned: bool
    created_at: str
    url: str


class RunCreated(Schema):
    """Answer to POST /runs."""

    id: str
    status: str
    created_at: str


class PlaceOut(Schema):
    """Where a run stands in its group."""

    id: str
    fold: int
    seed: int


class ParentOut(Schema):
    """The run a clone or a branch was made of; ``checkpoint`` says whose weights a branch took."""

    id: str
    kinship: str
    checkpoint: str


class ChildOut(Schema):
    """A run that was made of this one."""

    id: str
    kinship: str


class TurnOut(Schema):
    """The place of a waiting run in the queue.

    ``position`` is 1 for the next one. ``starts_at`` is an estimate, null where it is not known;
    ``start`` says it in words, ``why`` why the run waits.
    """

    position: int
    priority: str
    queued_at: str
    starts_at: str | None
    start: str
    why: str


class RunSummary(Schema):
    """A run as it stands in the list; ``queue`` is null unless it waits.

    ``losses`` counts attempts that its machine ended.
    """

    id: str
    name: str
    tags: list[str]
    note: str
    archived_at: str | None
    status: str
    reason: str
    reason_label: str
    message: str
    created_at: str
    started_at: str | None
    finished_at: str | None
    attempt: int
    losses: int
    metrics: dict[str, Any]
    last_seq: int
    outcome: str
    group: PlaceOut | None
    queue: TurnOut | None
    url: str


class RunDetail(RunSummary):
    """A run with its verdict, its configuration and checkpoints.

    ``actions`` are the buttons that fit now, the likeliest first. ``fields`` are those of the
    configuration at fault; ``suggestion`` is a body for POST /runs/{uid}/clone that may cure it.
    """

    trashed_at: str | None
    trash_wanted: bool
    verdict: dict[str, Any] | None
    not_judged: str
    advice: str
    actions: list[str]
    fields: dict[str, str]
    suggestion: dict[str, int] | None
    resume_step: int | None
    parent: ParentOut | None
    children: list[ChildOut]
    leaks: dict[str, Any] | None
    config: dict[str, Any]
    request: dict[str, Any]
    checkpoints: list[CheckpointOut]


class RunList(Schema):
    """A page of runs, newest first, and how many match in all."""

    runs: list[RunSummary]
    total: int
    limit: int
    offset: int


class ArtifactOut(Schema):
    """A file of a run."""

    name: str
    path: str
    size_bytes: int
    type: str
    sha256: str
    created_at: str
    url: str


class ArtifactList(Schema):
    """All files of a run."""

    artifacts: list[ArtifactOut]


class History(Schema):
    """Metric points in order; ask again with ``after=last_seq`` until ``complete``."""

    points: list[dict[str, Any]]
    last_seq: int
    complete: bool


class LogPage(Schema):
    """Console lines in order; ask again with ``after=last_seq`` until ``complete``."""

    lines: list[dict[str, Any]]
    last_seq: int
    complete: bool


class ReportOut(Schema):
    """How a completed run did on the test part; ``report`` is what its plots are drawn from."""

    id: str
    outcome: str
    verdict: dict[str, Any] | None
    leaks: dict[str, Any] | None
    scores: dict[str, Any] | None
    directions: dict[str, Any] | None
    calibration: dict[str, Any] | None
    trading: dict[str, Any] | None
    report: dict[str, Any]


def time_text(moment: datetime | None) -> str | None:
    """An instant as ISO text in UTC, where there is one."""
    return None if moment is None else iso_utc(moment)


def _number(value: float | None) -> float | str | None:
    """A float as JSON can hold it; NaN and the infinities travel as text."""
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def file_url(uid: str, path: str) -> str:
    """Where a file of a run is downloaded."""
    return f"/runs/{uid}/artifacts/{quote(path)}"


def run_created(run: TrainingRun) -> dict[str, Any]:
    """Answer to POST /runs."""
    return {"id": run.uid, "status": run.status, "created_at": iso_utc(run.created_at)}


def _metrics(run: TrainingRun) -> dict[str, Any]:
    """The latest figures; a run that has ended has no time left to estimate."""
    if not run.is_final:
        return dict(run.metrics)
    return {k: v for k, v in run.metrics.items() if k not in ("eta_seconds", "eta_minutes")}


def turn(found: Turn | None) -> dict[str, Any] | None:
    """The place of a waiting run in the queue; None where it does not wait."""
    if found is None:
        return None
    return {
        "position": found.position,
        "priority": str(found.run.priority.label).lower(),
        "queued_at": iso_utc(found.run.queued_at),
        "starts_at": time_text(found.starts_at),
        "start": found.start,
        "why": found.why,
    }


def run_summary(run: TrainingRun, waits: Turn | None) -> dict[str, Any]:
    """A run as it stands in the list; ``waits`` is its turn, where it waits."""
    return {
        "id": run.uid,
        "name": run.name,
        "tags": run.tag_list,
        "note": run.note,
        "archived_at": time_text(run.archived_at),
        "status": run.status,
        "reason": run.reason,
        "reason_label": reason_label(run),
        "message": run.message,
        "created_at": iso_utc(run.created_at),
        "started_at": time_text(run.started_at),
        "finished_at": time_text(run.finished_at),
        "attempt": run.attempt,
        "losses": run.losses,
        "metrics": _metrics(run),
        "last_seq": run.last_seq,
        "outcome": run.outcome,
        "group": {"id": run.group.uid, "fold": run.fold, "seed": run.seed} if run.group else None,
        "queue": turn(waits),
        "url": f"/runs/{run.uid}",
    }


def run_detail(run: TrainingRun) -> dict[str, Any]:
    """A run with its verdict, its configuration and checkpoints."""
    judged = judgement(run)
    ended = ending(run)
    return {
        **run_summary(run, turn_of(run)),
        "trashed_at": time_text(run.trashed_at),
        "trash_wanted": run.trash_wanted_at is not None,
        "advice": ended.advice if ended else "",
        "actions": [str(button) for button in buttons(run)],
        "fields": fields_at_fault(run),
        "suggestion": suggestion(run),
        "parent": _parent(run),
        "children": [
            {"id": child.uid, "kinship": child.kinship}
            for child in run.children.order_by("pk").only("uid", "kinship")
        ],
        "verdict": run.verdict,
        "not_judged": judged.not_judged if judged else "",
        "resume_step": resume_step(run),
        "leaks": run.leaks,
        "config": run.config,
        "request": run.request,
        "checkpoints": _checkpoints(run),
    }


def _parent(run: TrainingRun) -> dict[str, Any] | None:
    if run.parent is None:
        return None
    made_of = {"kinship": run.kinship, "checkpoint": run.parent_checkpoint}
    return {"id": run.parent.uid, **made_of}


def _checkpoints(run: TrainingRun) -> list[dict[str, Any]]:
    rows = list(run.checkpoints.all())
    words = loss_words(run, rows)
    return [
        checkpoint(row, run.uid)
        | ({"val_loss": words[row.path]} if row.val_loss is None and row.path in words else {})
        for row in rows
    ]


def checkpoint(row: Checkpoint, uid: str) -> dict[str, Any]:
    """A checkpoint with the address of its file."""
    return {
        "name": row.path.rpartition("/")[2],
        "path": row.path,
        "epoch": row.epoch,
        "step": row.step,
        "val_loss": _number(row.val_loss),
        "size_bytes": row.size_bytes,
        "sha256": row.sha256,
        "is_best": row.is_best,
        "is_last": row.is_last,
        "pinned": row.pinned,
        "created_at": iso_utc(row.created_at),
        "url": file_url(uid, row.path),
    }


def artifact(row: Artifact, uid: str) -> dict[str, Any]:
    """A file with its address."""
    return {
        "name": row.path.rpartition("/")[2],
        "path": row.path,
        "size_bytes": row.size_bytes,
        "type": row.kind,
        "sha256": row.sha256,
        "created_at": iso_utc(row.created_at),
        "url": file_url(uid, row.path),
    }


def artifact_list(run: TrainingRun) -> dict[str, Any]:
    """All registered files of a run, the configuration first."""
    rows = sorted(run.artifacts.all(), key=lambda row: (row.path != CONFIG_FILE, row.path))
    return {"artifacts": [artifact(row, run.uid) for row in rows]}


def report_document(page: ReportPage) -> dict[str, Any]:
    """The report with what stands beside its plots."""
    run = page.run
    beside = {
        name: page.metrics.get(name) for name in ("scores", "directions", "calibration", "trading")
    }
    return {
        "id": run.uid,
        "outcome": run.outcome,
        "verdict": run.verdict,
        "leaks": run.leaks,
        **beside,
        "report": page.drawn,
    }


def event_entry(event: RunEvent) -> dict[str, Any]:
    """A stored event as a flat entry of the history or the log."""
    return {
        **event.payload,
        "seq": event.seq,
        "timestamp": iso_utc(event.at),
        "attempt": event.attempt,
    }


def log_page(run: TrainingRun, after: int, limit: int) -> dict[str, Any]:
    """Whole events after a number, until they hold ``limit`` lines or very much text."""
    lines: list[dict[str, Any]] = []
    last, size, complete = after, 0, False
    events = run.events.filter(kind=EventKind.LOG).order_by("seq")
    while not complete and len(lines) < limit and size < LOG_PAGE_CHARACTERS:
        rows = list(events.filter(seq__gt=last)[:LOG_PAGE_EVENTS])
        complete = len(rows) < LOG_PAGE_EVENTS
        for row in rows:
            if len(lines) >= limit:
                complete = False
                break
            stamp = {"seq": row.seq, "timestamp": iso_utc(row.at), "attempt": row.attempt}
            lines += [entry | stamp for entry in entries_of(row)]
            last, size = row.seq, size + len(row.payload.get("message", ""))
    return {"lines": lines, "last_seq": last, "complete": complete}
