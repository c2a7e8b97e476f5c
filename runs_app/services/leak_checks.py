"""Leak checks of a configuration that nobody has trained yet: ask for one, find it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from runs_app.choices import JobKind, JobReason, JobState
from runs_app.errors import LeakCheckNotFound
from runs_app.execution.core_process import CoreFailed, ask_core
from runs_app.execution.jobs import submit
from runs_app.execution.leak_checking import command_of
from runs_app.forecasting.config.document import to_tree
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.errors import ConfigInvalid, FieldError
from runs_app.forecasting.evaluation.documents import LeakCheck
from runs_app.models import Job
from runs_app.services.job_arguments import job_arguments
from runs_app.services.launch import resolve


@dataclass(frozen=True)
class StoredCheck:
    """A leak check that was asked for, as pages and the API show it."""

    uid: str
    state: JobState
    result: LeakCheck | None
    """None until it is done, and where it could not be made."""
    reason: JobReason | None
    """Why it could not be made, one word."""
    message: str
    """The same, or why it is made again, one sentence."""
    fields: dict[str, str]
    """Field paths at fault, where the configuration is the cause."""
    config: dict[str, Any]

    @property
    def is_final(self) -> bool:
        """True once there is a result, or never will be."""
        return self.state in (JobState.DONE, JobState.FAILED)


def ask_for_leak_check(payload: Any) -> StoredCheck:
    """Queue a check of a request's configuration; one that already waits is not doubled.

    Raises ``ConfigInvalid`` with the request's own paths.
    """
    config, _ = resolve(payload)
    arguments = job_arguments(config)
    same = Job.objects.filter(
        kind=JobKind.LEAK_CHECK,
        state__in=(JobState.WAITING, JobState.WORKING),
        arguments__key=arguments["key"],
    )
    return _stored(same.first() or submit(JobKind.LEAK_CHECK, arguments))


def check_leaks_now(payload: Any) -> LeakCheck:
    """Check in this process's child and wait. Raises ``ConfigInvalid`` or ``CoreFailed``."""
    config, _ = resolve(payload)
    try:
        return LeakCheck.model_validate(ask_core(command_of(to_tree(config))))
    except CoreFailed as failed:
        fields = failed.facts.get("fields")
        if fields:
            errors = [FieldError(path, text) for path, text in fields.items()]
            raise ConfigInvalid(errors) from failed
        raise


def find_leak_check(uid: str) -> StoredCheck:
    """The check of this id. Raises ``LeakCheckNotFound``."""
    job = Job.objects.filter(kind=JobKind.LEAK_CHECK, uid=uid).first()
    if job is None:
        raise LeakCheckNotFound("There is no leak check of this id.")
    return _stored(job)


def newest_leak_check(config: RunConfig) -> StoredCheck | None:
    """The last check of exactly this configuration on the file as it is now, if there is one."""
    job = (
        Job.objects.filter(kind=JobKind.LEAK_CHECK, arguments__key=job_arguments(config)["key"])
        .order_by("-created_at", "-pk")
        .first()
    )
    return _stored(job) if job else None


def _stored(job: Job) -> StoredCheck:
    result = LeakCheck.model_validate(job.facts) if job.state == JobState.DONE else None
    return StoredCheck(
        uid=job.uid,
        state=JobState(job.state),
        result=result,
        reason=JobReason(job.reason) if job.reason else None,
        message=job.message,
        fields=job.facts.get("fields", {}) if job.state == JobState.FAILED else {},
        config=job.arguments["config"],
    )
