"""Dress rehearsals of a configuration: ask for one, find it again, carry one out here and now."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runs_app.choices import NO_ANSWER, JobKind, JobReason, JobState
from runs_app.disk import read_disk
from runs_app.errors import RehearsalNotFound
from runs_app.execution.jobs import rehearse, submit
from runs_app.forecasting.config.document import validate
from runs_app.forecasting.config.footprint import footprint
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.forecasting.events import Reason
from runs_app.forecasting.rehearsed import Rehearsal
from runs_app.models import Job
from runs_app.queueing.reasons import obstacle
from runs_app.queueing.state import read_state
from runs_app.remedies import Change, changes, smaller_batch
from runs_app.services.footprint import Room
from runs_app.services.job_arguments import job_arguments
from runs_app.services.launch import candle_facts, resolve

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class RehearsalFailure:
    """The failure that the run would have had."""

    reason: str
    """A word of ``JobReason``."""
    message: str
    fields: dict[str, str]
    asked_bytes: int | None
    free_bytes: int | None

    @property
    def label(self) -> str:
        """The reason in words."""
        return str(JobReason(self.reason).label).lower() if self.reason else ""

    @property
    def is_of_run(self) -> bool:
        """False where the rehearsal did not come to its end, and so says nothing of the run."""
        return self.reason not in NO_ANSWER


@dataclass(frozen=True)
class StoredRehearsal:
    """A rehearsal that was asked for, as pages and the API show it."""

    uid: str
    state: JobState
    phase: str
    """What it is doing, or why it waits."""
    result: Rehearsal | None
    failure: RehearsalFailure | None
    suggestion: dict[str, int] | None
    """Values by path with which it may fit, where memory ran out."""
    config: dict[str, Any]

    @property
    def is_final(self) -> bool:
        """True once there is a result or a failure."""
        return self.state in (JobState.DONE, JobState.FAILED)

    @property
    def changes(self) -> list[Change]:
        """The suggestion as what is and what would be."""
        return changes(self.config, self.suggestion or {})


def ask_for_rehearsal(payload: Any) -> StoredRehearsal:
    """Queue a rehearsal of a request; one that is not over yet is not doubled.

    Raises ``ConfigInvalid`` with the request's own paths.
    """
    return _stored(_ask(payload))


def rehearse_now(payload: Any, *, told: Callable[[str], object]) -> StoredRehearsal:
    """The same, carried out by this process or by a worker, whoever has a slot first; waits.

    ``told`` gets each new phase.
    """
    job, said = _ask(payload), ""
    while True:
        found = find_rehearsal(job.uid)
        if found.is_final:
            return found
        if found.phase != said:
            said = found.phase
            told(said)
        if found.state == JobState.WAITING and rehearse(job.pk):
            continue
        time.sleep(POLL_SECONDS)


def find_rehearsal(uid: str) -> StoredRehearsal:
    """The rehearsal of this id. Raises ``RehearsalNotFound``."""
    job = Job.objects.filter(kind=JobKind.REHEARSAL, uid=uid).first()
    if job is None:
        raise RehearsalNotFound("There is no rehearsal of this id.")
    return _stored(job)


def newest_rehearsal(config: RunConfig) -> StoredRehearsal | None:
    """The last rehearsal of exactly this configuration on the file as it is now, if any."""
    return _stored_or_none(Job.objects.filter(arguments__key=job_arguments(config)["key"]))


def room_of(rehearsal: StoredRehearsal) -> Room | None:
    """What the run would take on the disk, by the size of a real checkpoint."""
    if rehearsal.result is None:
        return None
    config = validate(rehearsal.config)
    try:
        facts = candle_facts(config)
    except ConfigInvalid:  # the file has changed since
        return None
    told = footprint(config, bars=facts.bars, bar_seconds=facts.bar_seconds)
    one = told.with_checkpoints_of(rehearsal.result.checkpoint_bytes)
    return Room(one, 1, read_disk())


def _ask(payload: Any) -> Job:
    config, _ = resolve(payload)
    arguments = job_arguments(config)
    same = Job.objects.filter(
        kind=JobKind.REHEARSAL,
        state__in=(JobState.WAITING, JobState.WORKING),
        arguments__key=arguments["key"],
    )
    return same.first() or submit(JobKind.REHEARSAL, arguments)


def _stored_or_none(jobs: Any) -> StoredRehearsal | None:
    job = jobs.filter(kind=JobKind.REHEARSAL).order_by("-created_at", "-pk").first()
    return _stored(job) if job else None


def _stored(job: Job) -> StoredRehearsal:
    failure = _failure(job) if job.state == JobState.FAILED else None
    short = failure is not None and failure.reason in (Reason.OUT_OF_MEMORY, Reason.KILLED)
    config = job.arguments["config"]
    return StoredRehearsal(
        uid=job.uid,
        state=JobState(job.state),
        phase=_phase(job),
        result=Rehearsal.model_validate(job.facts) if job.state == JobState.DONE else None,
        failure=failure,
        suggestion=_suggestion(config, failure) if failure and short else None,
        config=config,
    )


def _suggestion(config: dict[str, Any], failure: RehearsalFailure) -> dict[str, int] | None:
    return smaller_batch(config, failure.fields, asked=failure.asked_bytes, free=failure.free_bytes)


def _phase(job: Job) -> str:
    if job.state == JobState.WORKING:
        return str(job.facts.get("phase", "Starting"))
    if job.state == JobState.WAITING:
        held = obstacle(read_state())
        if held and held != "the queue is paused":  # which holds runs back, not rehearsals
            return f"Waits for a free slot: {held}"
        return "Waits for a free slot"
    return ""


def _failure(job: Job) -> RehearsalFailure:
    told = job.facts.get("failure", {})
    return RehearsalFailure(
        reason=job.reason,
        message=told.get("message", job.message),
        fields=told.get("fields", {}),
        asked_bytes=told.get("asked_bytes"),
        free_bytes=told.get("free_bytes"),
    )
