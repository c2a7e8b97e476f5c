"""What the JSON of every job says of who did it and why it has no result."""

from __future__ import annotations

from typing import Any

from ninja import Schema
from pydantic import Field

from runs_app.choices import JobReason
from runs_app.models import Job


class JobFacts(Schema):
    """The common part of predictions, exports and fetches."""

    reason: JobReason | None = Field(
        description="Why it has no result, one word; null where it has one or may still get one."
    )
    message: str = Field(
        description="The same in one sentence; while it waits, why it is done again."
    )
    worker: str = Field(description="Who does it or was the last to do it: host:process:word.")
    attempt: int = Field(description="How often a worker has taken it.")


def job_facts(job: Job) -> dict[str, Any]:
    """As ``JobFacts`` has them."""
    return {
        "reason": job.reason or None,
        "message": job.message,
        "worker": job.worker,
        "attempt": job.attempt,
    }
