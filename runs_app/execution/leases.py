"""Who may write an attempt of a run or a job, and for how long: by the database's clock alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import DateTimeField, ExpressionWrapper, Q, QuerySet
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

from runs_app.choices import FINAL, EventKind, RunStatus
from runs_app.execution import worker_process
from runs_app.execution.slots import host_name
from runs_app.models import Job, Queue, RunEvent, TrainingRun

RENEWALS = 6
"""How often a lease is renewed before it would run out."""

BLIND_SHARE = 0.75
"""Where nobody looked for lost workers for so much of a lease, the database was away, or everything
stood still, or its clock jumped: every lease then gets one fresh period before it is judged."""


Live = QuerySet[TrainingRun] | QuerySet[Job]
"""Rows that somebody works on now: with ``attempt``, ``worker`` and ``lease_until``."""


class LeaseLost(Exception):
    """The run is not running under this claim any more: its holder must stop and write nothing."""


@dataclass(frozen=True)
class Claim:
    """The right to write one attempt of a run, as long as its lease is renewed."""

    run_pk: int
    uid: str
    attempt: int
    worker: str


@dataclass(frozen=True)
class Lost:
    """A live row whose worker is gone."""

    pk: int
    attempt: int
    worker: str
    silent: bool
    """Known by its lease alone, and not lost if that is renewed before the row is taken."""

    @property
    def how(self) -> str:
        """What its worker did, after words that name it."""
        if self.silent:
            return f"was not heard of for {lease_seconds():g} seconds."
        return "ended in the middle of it."


@dataclass(frozen=True)
class Wish:
    """What was asked of a running run: to stop, and if asked again, to end now."""

    stop: bool
    now: bool


def held_by(held: Claim) -> QuerySet[TrainingRun]:
    """The run's row as long as it is ours, else nothing."""
    return TrainingRun.objects.filter(
        pk=held.run_pk, status=RunStatus.RUNNING, attempt=held.attempt, worker=held.worker
    )


def take_over(
    run_pk: int, attempt: int, worker: str, by: str, *, expired: bool = False
) -> Claim | None:
    """The claim of a worker that is gone, now ours; None where it is not its run any more.

    With ``expired`` only if its lease has run out.
    """
    run = TrainingRun.objects.filter(
        pk=run_pk, attempt=attempt, worker=worker, status=RunStatus.RUNNING
    )
    if expired:
        run = run.filter(lease_until__lt=Now())
    if run.update(worker=by, lease_until=lease_end()) != 1:
        return None
    uid = TrainingRun.objects.values_list("uid", flat=True).get(pk=run_pk)
    return Claim(run_pk, uid, attempt, by)


def renew(held: Claim) -> bool:
    """Extend the lease by one period; False when the run is no longer ours."""
    return held_by(held).update(lease_until=lease_end()) == 1


def wish(held: Claim) -> Wish:
    """What was asked of the run. Raises ``LeaseLost`` when it is not ours."""
    row = held_by(held).values_list("cancel_requested_at", "kill_requested_at").first()
    if row is None:
        raise LeaseLost(f"Run {held.uid} is not held by {held.worker} any more.")
    stop, now = row
    return Wish(stop=stop is not None, now=now is not None)


def was_settled(run_pk: int, attempt: int) -> bool:
    """Whether the run has ended in this attempt, so that a person started the next one."""
    ends = RunEvent.objects.filter(run_id=run_pk, kind=EventKind.STATUS, attempt=attempt)
    return ends.filter(payload__status__in=[str(status) for status in FINAL]).exists()


def lease_seconds() -> float:
    """A worker that is not heard of for so long has lost its run."""
    return float(settings.LEASE_SECONDS)


def renewal_seconds() -> float:
    """How often a worker says that it is there."""
    return lease_seconds() / RENEWALS


def lease_end() -> Combinable:
    """The end of a lease that begins now."""
    return from_now(lease_seconds())


def from_now(seconds: float) -> Combinable:
    """The database's time in so many seconds."""
    return ExpressionWrapper(Now() + timedelta(seconds=seconds), output_field=DateTimeField())


def find_lost(live: Live) -> list[Lost]:
    """Each of these whose worker on this host has ended, or was not heard of for a whole lease.

    To be called again and again: a pause between two calls is how an outage is noticed.
    """
    ended = [one for one in _held_here(live) if worker_process.is_gone(one.worker)]
    return ended + _expired(live)


def running() -> QuerySet[TrainingRun]:
    """Runs that somebody trains now."""
    return TrainingRun.objects.filter(status=RunStatus.RUNNING)


def _expired(live: Live) -> list[Lost]:
    _look()
    # A lease longer than one can be was given before the clock went back.
    live.filter(lease_until__gt=from_now(2 * lease_seconds())).update(lease_until=lease_end())
    if is_blind():
        return []
    late = live.filter(lease_until__lt=Now()).order_by("pk")
    return [Lost(*row, silent=True) for row in late.values_list("pk", "attempt", "worker")]


def is_blind() -> bool:
    """Whether everybody has a fresh period now, because nobody could look for a while."""
    return Queue.objects.filter(judge_after__gt=Now()).exists()


def _held_here(live: Live) -> list[Lost]:
    held = live.filter(worker__startswith=f"{host_name()}:").order_by("pk")
    return [Lost(*row, silent=False) for row in held.values_list("pk", "attempt", "worker")]


def _look() -> None:
    """Note that somebody looked, and grant the fresh period where nobody had for too long."""
    with transaction.atomic():
        Queue.objects.get_or_create(pk=1)
        limit = BLIND_SHARE * lease_seconds()
        blind = Q(swept_at__lt=from_now(-limit)) | Q(swept_at__gt=from_now(limit))
        Queue.objects.filter(blind, pk=1).update(judge_after=lease_end())
        far = Q(judge_after__gt=from_now(2 * lease_seconds()))
        Queue.objects.filter(far, pk=1).update(judge_after=lease_end())
        Queue.objects.filter(pk=1).update(swept_at=Now())
