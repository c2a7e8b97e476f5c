"""The passport of a run, put together from its row, its events and what the trainer wrote."""

from __future__ import annotations

import logging
from typing import Any

from django.db import DatabaseError, transaction
from pydantic import ValidationError

from runs_app.choices import EventKind, RunStatus
from runs_app.execution import artifacts, run_directory
from runs_app.forecasting.environment import read_environments
from runs_app.forecasting.evaluation.documents import LeakCheck, Verdict
from runs_app.forecasting.passport import (
    PASSPORT_FILE,
    Attempt,
    FileFact,
    Parent,
    Passport,
    numbers_of,
    sealed,
    to_json,
)
from runs_app.forecasting.whole_file import write_shared
from runs_app.models import TrainingRun

logger = logging.getLogger(__name__)


def passport_of(run: TrainingRun) -> Passport:
    """The sealed passport of the run as it stands; the same for the same run."""
    verdict = _read(Verdict, run.verdict)
    return sealed(
        Passport(
            run=run.uid,
            name=run.name,
            created_at=run.created_at,
            started_at=run.started_at,
            finished_at=run.finished_at,
            status=str(run.status),
            reason=str(run.reason),
            message=run.message,
            attempts=_attempts(run),
            parent=_parent(run),
            group=run.group.uid if run.group else "",
            config=run.config,
            seeds={"train.seed": run.config.get("train", {}).get("seed", 0)},
            environments=read_environments(run_directory.path_of(run.uid)),
            numbers=numbers_of(run.metrics, verdict),
            best=run.metrics.get("best") or {},
            verdict=verdict,
            leaks=_read(LeakCheck, run.leaks),
            files=_files(run),
        )
    )


def leave_passport(run: TrainingRun) -> None:
    """Write ``passport.json`` of a run that has just ended, and register it.

    It says what happened and decides nothing: where it cannot be written the log says so, and the
    run ends all the same. On request it is made anew.
    """
    directory = run_directory.path_of(run.uid)
    if not directory.is_dir():
        return
    try:
        with transaction.atomic():
            write_shared(directory / PASSPORT_FILE, to_json(passport_of(run)))
            artifacts.register(run.pk, directory, PASSPORT_FILE)
    except (OSError, ValidationError, ValueError, DatabaseError) as error:
        logger.warning("The passport of run %s was not written: %s", run.uid, error)


def _read(kind: type[Any], stored: Any) -> Any:
    return None if stored is None else kind.model_validate(stored)


def _parent(run: TrainingRun) -> Parent | None:
    if run.parent is None:
        return None
    return Parent(run=run.parent.uid, kinship=run.kinship, checkpoint=run.parent_checkpoint)


def _files(run: TrainingRun) -> tuple[FileFact, ...]:
    """All that is registered but the passport itself ."""
    rows = run.artifacts.exclude(path=PASSPORT_FILE).exclude(sha256="").order_by("path")
    return tuple(
        FileFact(path=row.path, size_bytes=row.size_bytes, sha256=row.sha256) for row in rows
    )


def _attempts(run: TrainingRun) -> tuple[Attempt, ...]:
    """Each attempt from its first to its last status event; the wait before it is none."""
    rows = (
        run.events.filter(kind=EventKind.STATUS, attempt__gt=0)
        .order_by("seq")
        .values_list("attempt", "at", "payload")
    )
    found: dict[int, Attempt] = {}
    for number, at, payload in rows:
        before = found.get(number)
        if before and before.status != RunStatus.RUNNING:
            continue  # queued again after its end
        found[number] = Attempt(
            number=number,
            started_at=before.started_at if before else at,
            ended_at=at,
            status=str(payload.get("status", "")),
            reason=str(payload.get("reason", "")),
            message=str(payload.get("message", "")),
        )
    return tuple(found.values())
