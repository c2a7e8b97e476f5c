"""The only writer of a run's status.

Each transition is one conditional UPDATE together with its ``status`` event, in one transaction;
viewers are told after the commit. Of two who try the same transition one wins, the other gets None.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import DateTimeField, ExpressionWrapper, F, QuerySet
from django.db.models.expressions import Combinable
from django.db.models.functions import Now
from django.utils import timezone

from runs_app.choices import RESUMABLE, EventKind, RunStatus
from runs_app.execution import artifacts, run_directory, wakeups
from runs_app.forecasting.config.document import to_yaml
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.evaluation.documents import LeakCheck, Verdict
from runs_app.forecasting.events import CONFIG_FILE, Reason
from runs_app.live.publish import publish
from runs_app.models import RunEvent, RunGroup, TrainingRun

LEASE_SECONDS = 30

WORKER_LOST = (
    "The worker that trained this run stopped before the run had ended. "
    "Go on with Resume, or start again with Retry."
)


class LeaseLost(Exception):
    """The run is not running under this claim any more: its holder must stop and write nothing."""


@dataclass(frozen=True)
class Transition:
    """From which states a run may move, and where to."""

    sources: frozenset[RunStatus]
    target: RunStatus


CLAIM = Transition(frozenset({RunStatus.PENDING}), RunStatus.RUNNING)
WITHDRAW = Transition(frozenset({RunStatus.PENDING}), RunStatus.CANCELLED)
RESUME = Transition(RESUMABLE, RunStatus.PENDING)
ASK_TO_STOP = Transition(frozenset({RunStatus.RUNNING}), RunStatus.RUNNING)
SETTLE: dict[RunStatus, Transition] = {
    target: Transition(frozenset({RunStatus.RUNNING}), target)
    for target in (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED)
}


@dataclass(frozen=True)
class Claim:
    """The right to write one attempt of a run, as long as its lease is renewed."""

    run_pk: int
    uid: str
    attempt: int
    worker: str


@dataclass(frozen=True)
class Outcome:
    """How a run ended: the final state, one word, one sentence, and the last console lines.

    ``verdict`` and ``leaks`` are the trainer's own, of a fit that came to its end.
    """

    status: RunStatus
    reason: Reason
    message: str
    log_tail: tuple[str, ...] = ()
    verdict: Verdict | None = None
    leaks: LeakCheck | None = None


@dataclass(frozen=True)
class Place:
    """Where a run stands in its group: fold from 1, seed as in its configuration."""

    group: RunGroup
    fold: int
    seed: int


def create_run(
    config: RunConfig, request: Mapping[str, Any], name: str = "", *, place: Place | None = None
) -> TrainingRun:
    """Store a pending run and its ``config.yaml``; a worker is woken on commit.

    For a run of a group nobody is woken: whoever makes the group does that, once. ``request`` is
    the flat payload the configuration was made from. Raises ``OSError`` where the run's directory
    cannot be written.
    """
    standing = {"group": place.group, "fold": place.fold, "seed": place.seed} if place else {}
    with transaction.atomic():
        run = TrainingRun.objects.create(
            name=name,
            config=config.model_dump(mode="json"),
            request=dict(request),
            last_seq=1,
            **standing,
        )
        directory = run_directory.make(run.uid)
        (directory / CONFIG_FILE).write_text(to_yaml(config), encoding="utf-8")
        artifacts.register(run.pk, directory, CONFIG_FILE)
        _append_status(run, message="Waiting for a free slot.")
        if place is None:
            transaction.on_commit(partial(wakeups.wake, run.pk), robust=True)
    return run


def claim(run_pk: int, worker: str) -> Claim | None:
    """Make the pending run ours and running; None when it is not pending any more."""
    run = _move(
        CLAIM,
        {"pk": run_pk, "cancel_requested_at": None},
        attempt=F("attempt") + 1,
        worker=worker,
        lease_until=_lease_end(),
        started_at=timezone.now(),
        **_judgement(None, None),
        payload={"message": "Starting: reading the candles and building the network."},
    )
    return Claim(run.pk, run.uid, run.attempt, worker) if run else None


def renew_lease(held: Claim) -> bool:
    """Extend the lease by ``LEASE_SECONDS``; False when the run is no longer ours."""
    rows = _held(held).update(lease_until=_lease_end())
    return rows == 1


def request_cancel(run_pk: int) -> TrainingRun | None:
    """Cancel a pending run at once, ask a running one to stop; None when it has ended.

    Asking again while it stops renews the wish, which the supervisor takes as "now".
    """
    now = timezone.now()
    where = {"pk": run_pk}
    return _move(
        WITHDRAW,
        where,
        reason=Reason.CANCELLED,
        message="Cancelled before it started.",
        cancel_requested_at=now,
        finished_at=now,
    ) or _move(
        ASK_TO_STOP,
        where,
        cancel_requested_at=now,
        payload={"cancelling": True, "message": "Cancelling: the trainer was asked to stop."},
    )


def resume(run_pk: int, step: int) -> TrainingRun | None:
    """Queue a stopped run again, to go on from the checkpoint of ``step``; None if it is not one.

    The next attempt of a run always goes on from its newest checkpoint. A worker is woken on
    commit.
    """
    with transaction.atomic():
        run = _move(
            RESUME,
            {"pk": run_pk},
            reason="",
            message="",
            worker="",
            lease_until=None,
            cancel_requested_at=None,
            finished_at=None,
            payload={"message": f"Waiting for a free slot, to go on from step {step}."},
        )
        if run:
            transaction.on_commit(partial(wakeups.wake, run.pk), robust=True)
    return run


def settle(held: Claim, outcome: Outcome) -> TrainingRun | None:
    """End the run, once and by the holder of its claim only; None when it was not ours to end."""
    judgement = _judgement(outcome.verdict, outcome.leaks)
    told = {name: value for name, value in judgement.items() if value}
    return _move(
        SETTLE[outcome.status],
        {"pk": held.run_pk, "attempt": held.attempt, "worker": held.worker},
        reason=outcome.reason,
        message=outcome.message,
        finished_at=timezone.now(),
        lease_until=None,
        payload=told | ({"log_tail": list(outcome.log_tail)} if outcome.log_tail else {}),
        **judgement,
    )


def _judgement(verdict: Verdict | None, leaks: LeakCheck | None) -> dict[str, Any]:
    """The columns that say what a fit was worth; JSON has no NaN, so it travels as a word."""
    return {
        "outcome": str(verdict.outcome) if verdict else "",
        "verdict": json.loads(verdict.model_dump_json()) if verdict else None,
        "leaks": json.loads(leaks.model_dump_json()) if leaks else None,
    }


def settle_expired() -> list[TrainingRun]:
    """Fail every run whose worker no longer renews its lease, by the database's clock."""
    expired = TrainingRun.objects.filter(status=RunStatus.RUNNING, lease_until__lt=Now())
    settled = (
        _move(
            SETTLE[RunStatus.FAILED],
            {"pk": pk, "attempt": attempt, "lease_until__lt": Now()},
            reason=Reason.WORKER_LOST,
            message=WORKER_LOST,
            finished_at=timezone.now(),
            lease_until=None,
        )
        for pk, attempt in list(expired.values_list("pk", "attempt"))
    )
    return [run for run in settled if run]


def cancel_wish(held: Claim) -> datetime | None:
    """When the run was last asked to stop, if ever. Raises ``LeaseLost`` when it is not ours."""
    row = _held(held).values_list("cancel_requested_at").first()
    if row is None:
        raise LeaseLost(f"Run {held.uid} is not held by {held.worker} any more.")
    return row[0]


def _held(held: Claim) -> QuerySet[TrainingRun]:
    return TrainingRun.objects.filter(
        pk=held.run_pk, status=RunStatus.RUNNING, attempt=held.attempt, worker=held.worker
    )


def _lease_end() -> Combinable:
    return ExpressionWrapper(Now() + timedelta(seconds=LEASE_SECONDS), output_field=DateTimeField())


def _move(
    transition: Transition,
    where: Mapping[str, Any],
    *,
    payload: Mapping[str, Any] | None = None,
    **changes: Any,
) -> TrainingRun | None:
    with transaction.atomic():
        moved = TrainingRun.objects.filter(status__in=transition.sources, **where).update(
            status=transition.target, last_seq=F("last_seq") + 1, **changes
        )
        if not moved:
            return None
        run = TrainingRun.objects.get(pk=where["pk"])
        _append_status(run, **(payload or {}))
    return run


def _append_status(run: TrainingRun, **payload: Any) -> None:
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
