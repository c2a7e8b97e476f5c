"""The table of a run's transitions, and the one way to make one. Used by ``lifecycle`` alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Case, F, When
from django.db.models.functions import Now
from django.utils import timezone

from runs_app.choices import FINAL, RESUMABLE, EventKind, RunStatus
from runs_app.live.publish import publish
from runs_app.models import RunEvent, TrainingRun


@dataclass(frozen=True)
class Transition:
    """From which states a run may move, and where to."""

    sources: frozenset[RunStatus]
    target: RunStatus


CLAIM = Transition(frozenset({RunStatus.PENDING}), RunStatus.RUNNING)
WITHDRAW = Transition(frozenset({RunStatus.PENDING}), RunStatus.CANCELLED)
RESUME = Transition(RESUMABLE, RunStatus.PENDING)
RETRY = Transition(frozenset({RunStatus.FAILED}), RunStatus.PENDING)
REQUEUE = Transition(frozenset({RunStatus.RUNNING}), RunStatus.PENDING)
ASK_TO_STOP = Transition(frozenset({RunStatus.RUNNING}), RunStatus.RUNNING)
SETTLE: dict[RunStatus, Transition] = {
    target: Transition(frozenset({RunStatus.RUNNING}), target)
    for target in (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED)
}


def move(
    transition: Transition,
    where: Mapping[str, Any],
    *,
    payload: Mapping[str, Any] | None = None,
    **changes: Any,
) -> TrainingRun | None:
    """The run after the transition; None where it stood in none of its sources or not ``where``.

    One conditional UPDATE and the ``status`` event with ``payload``, in one transaction. A run that
    was to go to the trash when it has ended is there with the same UPDATE.
    """
    if transition.target in FINAL:
        changes["trashed_at"] = Case(
            When(trash_wanted_at__isnull=False, then=Now()), default=F("trashed_at")
        )
    with transaction.atomic():
        moved = TrainingRun.objects.filter(status__in=transition.sources, **where).update(
            status=transition.target, last_seq=F("last_seq") + 1, **changes
        )
        if not moved:
            return None
        run = TrainingRun.objects.get(pk=where["pk"])
        if transition.target in FINAL:
            _measure(run)
        append_status(run, **(payload or {}))
    return run


def hold_still(run_pk: int) -> None:
    """Inside a transaction that tries several transitions: nobody else makes one between them."""
    # SQLite has one writer at a time anyway.
    TrainingRun.objects.select_for_update().filter(pk=run_pk).values_list("pk").first()


def _measure(run: TrainingRun) -> None:
    """Note how long an ended run took, and what its registered files take on disk."""
    if run.started_at and run.finished_at:
        run.seconds = max((run.finished_at - run.started_at).total_seconds(), 0.0)
    # Two names of one file have one hash.
    files = dict(run.artifacts.values_list("sha256", "size_bytes"))
    run.size_bytes = sum(files.values())
    run.save(update_fields=["seconds", "size_bytes"])


def append_status(run: TrainingRun, **payload: Any) -> None:
    """Append the status event numbered ``run.last_seq``, inside the caller's transaction."""
    data: dict[str, Any] = {"status": str(run.status), "attempt": run.attempt}
    if run.reason:
        data["reason"] = run.reason
    if run.message:
        data["message"] = run.message
    event = RunEvent.objects.create(
        run=run,
        seq=run.last_seq,
        attempt=run.attempt,
        kind=EventKind.STATUS,
        at=timezone.now(),
        payload=data | payload,
    )
    transaction.on_commit(partial(publish, run, [event]), robust=True)
