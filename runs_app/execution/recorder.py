"""Numbers, stores and announces what a trainer wrote: each line exactly once.

The byte offsets of the two files are stored in the same transaction as the events made of them, and
a batch is refused where its offsets do not continue the stored ones. So whoever dies in between, a
line is either stored with its offset or read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from runs_app.choices import ArtifactKind, EventKind, RunStatus
from runs_app.execution import notices
from runs_app.execution.console import Chunk
from runs_app.execution.leases import Claim, LeaseLost
from runs_app.execution.translation import Entry, finite
from runs_app.live.publish import publish
from runs_app.models import BEST_SCORES, Artifact, Checkpoint, RunEvent, TrainingRun
from runs_app.points.sealing import seal

INSERT_ROWS = 500


class OffsetMoved(Exception):
    """The batch does not begin where the stored offsets end."""


@dataclass(frozen=True)
class Span:
    """Bytes of one file that a batch was made of."""

    start: int
    end: int


@dataclass(frozen=True)
class Batch:
    """Entries in order with their times, and the bytes of the two files they came from."""

    entries: Sequence[tuple[datetime, Entry]]
    events: Span | None = None
    console: Span | None = None
    lines: int = 0
    """Console lines of the attempt stored so far, this batch included."""
    kept: int | None = None
    """Where what is kept of the console ends, once it has reached its limit."""
    left_out: int = 0
    """Console lines counted since, and not stored."""

    @property
    def is_empty(self) -> bool:
        """True where nothing is to be stored."""
        return not self.entries and self.events is None and self.console is None


@dataclass
class _Snapshot:
    """What a batch changes in the run's row."""

    fields: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)


def record(held: Claim, batch: Batch, *, attempt: int | None = None) -> int:
    """Store a batch in one transaction and announce it; returns the newest ``seq``.

    ``attempt`` wrote what the batch holds: ours, or an older one whose output is read out. Raises
    ``LeaseLost`` and ``OffsetMoved``, each with nothing stored, and database errors.
    """
    with transaction.atomic():
        run = _locked(held)
        _check_offsets(run, batch)
        events = [
            RunEvent(
                run_id=run.pk,
                seq=run.last_seq + number,
                attempt=attempt or held.attempt,
                kind=entry.kind,
                at=at,
                payload=entry.payload,
            )
            for number, (at, entry) in enumerate(batch.entries, start=1)
        ]
        RunEvent.objects.bulk_create(events, batch_size=INSERT_ROWS)
        curve = seal(run, events)
        _keep_checkpoints(run, batch)
        for _, entry in batch.entries:
            if entry.warning:
                notices.tell_rollback(run, entry.warning)
        snapshot = _snapshot(run, batch)
        run.metrics = run.metrics | snapshot.metrics
        TrainingRun.objects.filter(pk=run.pk).update(
            last_seq=run.last_seq + len(events),
            metrics=run.metrics,
            events_offset=batch.events.end if batch.events else run.events_offset,
            **curve,
            **_console(batch),
            **snapshot.fields,
        )
        transaction.on_commit(partial(publish, run, events), robust=True)
    return run.last_seq + len(events)


def system_entry(sample: dict[str, Any]) -> tuple[datetime, Entry]:
    """The entry of one sample of the machine."""
    return timezone.now(), Entry(EventKind.SYSTEM, sample, dict(sample))


def log_entry(line: int, chunk: Chunk, stream: str) -> tuple[datetime, Entry]:
    """The entry of consecutive lines, the first of which has this number from 1."""
    payload: dict[str, Any] = {
        "line": line,
        "count": chunk.count,
        "message": chunk.text,
        "stream": stream,
    }
    if chunk.level:
        payload["level"] = chunk.level
    if chunk.continued:
        payload["continued"] = True
    return timezone.now(), Entry(EventKind.LOG, payload)


def _console(batch: Batch) -> dict[str, Any]:
    """What a batch with a piece of the console changes in the run's row."""
    if batch.console is None:
        return {}
    return {
        "console_offset": batch.console.end,
        "console_lines": batch.lines,
        "console_kept": batch.kept,
        "console_left_out": batch.left_out,
    }


def _locked(held: Claim) -> TrainingRun:
    run = (
        TrainingRun.objects.select_for_update()
        .filter(pk=held.run_pk, attempt=held.attempt, worker=held.worker, status=RunStatus.RUNNING)
        .only(
            "pk",
            "uid",
            "name",
            "last_seq",
            "metrics",
            "best_val_loss",
            "events_offset",
            "console_offset",
            "curve_seq",
            "curve_number",
            "curve_waiting",
            "started_at",
        )  # fmt: skip
        .first()
    )
    if run is None:
        raise LeaseLost(f"Run {held.uid} is not held by {held.worker} any more.")
    return run


def _check_offsets(run: TrainingRun, batch: Batch) -> None:
    for name, span, stored in (
        ("events.jsonl", batch.events, run.events_offset),
        ("console.log", batch.console, run.console_offset),
    ):
        if span and span.start != stored:
            raise OffsetMoved(f"{name}: the batch starts at byte {span.start}, not {stored}.")


def _snapshot(run: TrainingRun, batch: Batch) -> _Snapshot:
    snapshot = _Snapshot()
    if run.started_at:
        snapshot.fields["seconds"] = (timezone.now() - run.started_at).total_seconds()
    best = run.best_val_loss
    for _, entry in batch.entries:
        snapshot.metrics.update(entry.figures)
        if entry.kind != EventKind.METRICS:
            continue
        for name in ("epoch", "step"):
            if name in entry.figures:
                snapshot.fields[name] = entry.figures[name]
        for name in ("train_loss", "val_loss"):
            if name in entry.figures:
                snapshot.fields[name] = finite(entry.figures[name])
        loss = finite(entry.figures.get("val_loss"))
        if loss is not None and (best is None or loss < best):
            snapshot.fields["best_val_loss"] = best = loss
            snapshot.metrics["best"] = _scores(entry.figures)
            snapshot.fields |= {name: finite(entry.figures.get(name)) for name in BEST_SCORES}
    return snapshot


def _scores(figures: dict[str, Any]) -> dict[str, Any]:
    """The epoch and its validation scores."""
    return {k: v for k, v in figures.items() if k == "epoch" or k.startswith("val_")}


def _keep_checkpoints(run: TrainingRun, batch: Batch) -> None:
    for at, entry in batch.entries:
        if saved := entry.saved:
            if saved.is_best:
                run.checkpoints.update(is_best=False)
            if saved.is_last:
                run.checkpoints.update(is_last=False)
            figures = {"size_bytes": saved.size_bytes, "sha256": saved.sha256, "created_at": at}
            run.checkpoints.update_or_create(
                path=saved.path,
                defaults=figures
                | {
                    "epoch": saved.epoch,
                    "step": saved.step,
                    "val_loss": finite(saved.val_loss),
                    "is_best": saved.is_best,
                    "is_last": saved.is_last,
                },
            )
            run.artifacts.update_or_create(
                path=saved.path, defaults=figures | {"kind": ArtifactKind.CHECKPOINT}
            )
        elif removed := entry.removed:
            Checkpoint.objects.filter(run_id=run.pk, path=removed.path).delete()
            Artifact.objects.filter(run_id=run.pk, path=removed.path).delete()
