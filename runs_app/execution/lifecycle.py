"""The only writer of a run's status.

Each transition is one conditional UPDATE together with its ``status`` event, in one transaction;
viewers are told after the commit. Of two who try the same transition one wins, the other gets None.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from runs_app.choices import INFRASTRUCTURE, MAX_LOSSES, Kinship, Priority, RunStatus
from runs_app.execution import artifacts, notices, queue, run_directory, slot_rows, wakeups
from runs_app.execution.leases import Claim, from_now, lease_end
from runs_app.execution.passport import leave_passport
from runs_app.execution.transitions import (
    ASK_TO_STOP,
    CLAIM,
    REQUEUE,
    RESUME,
    RETRY,
    SETTLE,
    WITHDRAW,
    Transition,
    append_status,
    hold_still,
    move,
)
from runs_app.execution.unmade import folders_only_with_rows
from runs_app.forecasting.config.document import to_yaml
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.evaluation.documents import LeakCheck, Verdict
from runs_app.forecasting.events import CONFIG_FILE, Reason
from runs_app.judgement import hardest_skill
from runs_app.models import Checkpoint, DataSet, RunGroup, TrainingRun, new_uid

DOUBLE_CLICK_SECONDS = 1.0
"""A second cancel within this time is the same one."""


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
    fields: Mapping[str, str] = field(default_factory=dict)
    """Schema path to message, where the trainer named the fields at fault."""
    shortage: Mapping[str, int] = field(default_factory=dict)
    """``asked_bytes`` and ``free_bytes``, where memory ran out and they are known."""


@dataclass(frozen=True)
class Place:
    """Where a run stands in its group: fold from 1, seed as in its configuration."""

    group: RunGroup
    fold: int
    seed: int


@dataclass(frozen=True)
class Kin:
    """What a new run takes of another one."""

    parent: TrainingRun
    kinship: Kinship
    checkpoint: str = ""
    """Whose weights a branch starts from, in words."""


def create_run(
    config: RunConfig,
    request: Mapping[str, Any],
    name: str = "",
    *,
    place: Place | None = None,
    kin: Kin | None = None,
    furnish: Callable[[Path], object] | None = None,
) -> TrainingRun:
    """Store a pending run and its ``config.yaml``; a worker is woken on commit.

    For a run of a group nobody is woken: whoever makes the group does that, once. ``request`` is
    the flat payload the configuration was made from; ``furnish`` puts more files into the run's
    directory. Raises ``OSError`` where that cannot be written; then nothing of the run is left.
    """
    standing: dict[str, Any] = {}
    if place:
        standing |= {"group": place.group, "fold": place.fold, "seed": place.seed}
    if kin:
        standing |= {"parent": kin.parent, "kinship": kin.kinship}
        standing |= {"parent_checkpoint": kin.checkpoint}
    uid = new_uid()
    with folders_only_with_rows([uid]), transaction.atomic():
        run = TrainingRun.objects.create(
            uid=uid,
            name=name,
            preset=str(config.model.variant),
            data_set=DataSet.objects.filter(path=config.data.source).first(),
            config=config.model_dump(mode="json"),
            request=dict(request),
            last_seq=1,
            rank=queue.take_rank(),
            queued_at=Now(),
            **standing,
        )
        run.refresh_from_db(fields=["queued_at"])
        directory = run_directory.make(run.uid)
        (directory / CONFIG_FILE).write_text(to_yaml(config), encoding="utf-8")
        if furnish:
            furnish(directory)
        artifacts.register(run.pk, directory, CONFIG_FILE)
        append_status(run, message="Waiting for a free slot.")
        if place is None:
            transaction.on_commit(partial(wakeups.wake, run.pk), robust=True)
    return run


def claim(run_pk: int, worker: str, places: Sequence[str] = ()) -> Claim | None:
    """Make the pending run ours and running; None when it is not pending any more.

    ``places`` are the names of this host's slots that it takes.
    """
    with transaction.atomic():
        run = move(
            CLAIM,
            {"pk": run_pk, "cancel_requested_at": None, "trashed_at": None},
            attempt=F("attempt") + 1,
            worker=worker,
            lease_until=lease_end(),
            started_at=timezone.now(),
            message="",
            **_judgement(None, None),
            payload={"message": "Starting: reading the candles and building the network."},
        )
        if run is None:
            return None
        slot_rows.occupy(run, worker.partition(":")[0], places)
    return Claim(run.pk, run.uid, run.attempt, worker)


def request_cancel(run_pk: int) -> TrainingRun | None:
    """Cancel a pending run at once, ask a running one to stop; None when it has ended.

    Asked again a second later or more, a running run is ended without waiting for it to save.
    """
    where = {"pk": run_pk}
    with transaction.atomic():
        hold_still(run_pk)  # a run that is lost meanwhile stands in another state
        return (
            move(
                WITHDRAW,
                where,
                reason=Reason.CANCELLED,
                message="Cancelled before it started.",
                cancel_requested_at=Now(),
                finished_at=timezone.now(),
            )
            or move(
                ASK_TO_STOP,
                where | {"cancel_requested_at": None},
                cancel_requested_at=Now(),
                payload={
                    "cancelling": True,
                    "message": "Cancelling: the trainer was asked to stop.",
                },
            )
            or move(
                ASK_TO_STOP,
                where
                | {
                    "kill_requested_at": None,
                    "cancel_requested_at__lt": from_now(-DOUBLE_CLICK_SECONDS),
                },
                kill_requested_at=Now(),
                payload={
                    "cancelling": True,
                    "message": "Asked a second time: the trainer is killed.",
                },
            )
            or TrainingRun.objects.filter(pk=run_pk, status=RunStatus.RUNNING).first()
        )


def resume(run_pk: int, step: int) -> TrainingRun | None:
    """Queue a stopped run again, to go on from the checkpoint of ``step``; None if it is not one.

    The next attempt of a run always goes on from its newest valid checkpoint. A worker is woken on
    commit.
    """
    message = f"Waiting for a free slot, to go on from step {step:,}."
    return _queue_again(RESUME, {"pk": run_pk}, message)


def retry(run_pk: int, step: int | None) -> TrainingRun | None:
    """Queue a run again that failed by the infrastructure; None where it did not.

    It goes on from the checkpoint of ``step``, or starts over where it had saved none.
    """
    how = "to start over" if step is None else f"to go on from step {step:,}"
    where = {"pk": run_pk, "reason__in": INFRASTRUCTURE}
    return _queue_again(RETRY, where, f"Waiting for a free slot, {how}.")


def _queue_again(
    transition: Transition, where: Mapping[str, Any], message: str
) -> TrainingRun | None:
    with transaction.atomic():
        run = move(
            transition,
            {**where, "trashed_at": None},
            reason="",
            message="",
            worker="",
            losses=0,
            priority=Priority.NORMAL,
            rank=queue.take_rank(),
            queued_at=Now(),
            lease_until=None,
            cancel_requested_at=None,
            kill_requested_at=None,
            finished_at=None,
            payload={"message": message},
        )
        if run:
            transaction.on_commit(partial(wakeups.wake, run.pk), robust=True)
    return run


def settle(held: Claim, outcome: Outcome) -> TrainingRun | None:
    """End the run, once and by the holder of its claim only; None when it was not ours to end."""
    judgement = _judgement(outcome.verdict, outcome.leaks)
    told = {name: value for name, value in judgement.items() if value and name != "skill"}
    told |= {"fields": dict(outcome.fields)} if outcome.fields else {}
    told |= outcome.shortage
    with transaction.atomic():
        run = move(
            SETTLE[outcome.status],
            {"pk": held.run_pk, "attempt": held.attempt, "worker": held.worker},
            reason=outcome.reason,
            message=outcome.message,
            finished_at=timezone.now(),
            lease_until=None,
            payload=told | ({"log_tail": list(outcome.log_tail)} if outcome.log_tail else {}),
            **judgement,
        )
        if run:
            slot_rows.leave(run)
            notices.tell_end(run)
            leave_passport(run)
    return run


def lose(
    run_pk: int,
    attempt: int,
    worker: str,
    cause: str,
    *,
    expired: bool = False,
    counts: bool = True,
) -> TrainingRun | None:
    """Take a run from a worker that cannot go on with it; None when it was not its run any more.

    It goes back to the queue as it stands, at most ``MAX_LOSSES`` times; ``cause`` is a sentence.
    One that was being cancelled is cancelled. With ``expired`` only if its lease has run out;
    without ``counts`` the loss was planned.
    """
    where: dict[str, Any] = {"pk": run_pk, "attempt": attempt, "worker": worker}
    if expired:
        where["lease_until__lt"] = Now()
    ended: dict[str, Any] = {"finished_at": timezone.now(), "lease_until": None}
    with transaction.atomic():
        hold_still(run_pk)  # a cancel that comes meanwhile would be forgotten
        run = (
            move(
                SETTLE[RunStatus.CANCELLED],
                where | {"cancel_requested_at__isnull": False},
                reason=Reason.CANCELLED,
                message=f"It was being cancelled when it was interrupted. {cause}",
                **ended,
            )
            or _requeue(where, cause, counts=counts)
            or move(
                SETTLE[RunStatus.FAILED],
                where,
                reason=Reason.WORKER_LOST,
                message=f"{cause} That was the {MAX_LOSSES + 1}th time, so it is not tried again "
                "by itself. When the machines are well, go on with Retry.",
                **ended,
            )
        )
        if run:
            slot_rows.leave(run)
            if counts:
                notices.tell_loss(run)
        if run and run.is_final:
            leave_passport(run)
    return run


def _requeue(where: Mapping[str, Any], cause: str, *, counts: bool) -> TrainingRun | None:
    saved = Checkpoint.objects.filter(run_id=where["pk"]).order_by("-step").first()
    then = (
        f"It goes on from step {saved.step:,}."
        if saved
        else "It had saved no checkpoint yet and starts over."
    )
    message = f"{cause} {then}"
    run = move(
        REQUEUE,
        {**where, **({"losses__lt": MAX_LOSSES} if counts else {})},
        losses=F("losses") + (1 if counts else 0),
        message=message,
        worker="",
        lease_until=None,
        queued_at=Now(),
        payload={"message": message, "interrupted": True},
    )
    if run:
        transaction.on_commit(partial(wakeups.wake, run.pk), robust=True)
    return run


def _judgement(verdict: Verdict | None, leaks: LeakCheck | None) -> dict[str, Any]:
    """The columns that say what a fit was worth; JSON has no NaN, so it travels as a word."""
    return {
        "outcome": str(verdict.outcome) if verdict else "",
        "verdict": json.loads(verdict.model_dump_json()) if verdict else None,
        "leaks": json.loads(leaks.model_dump_json()) if leaks else None,
        "skill": hardest_skill(verdict) if verdict else None,
    }
