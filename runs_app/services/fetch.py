"""Ask for candles of an exchange; a worker fetches them."""

from __future__ import annotations

from runs_app.choices import JobKind
from runs_app.disk import read_disk
from runs_app.errors import FetchNotFound
from runs_app.execution import fetching
from runs_app.execution.data_files import data_root
from runs_app.execution.jobs import submit
from runs_app.forecasting.data.fetch_wish import FetchWish
from runs_app.forecasting.errors import ConfigInvalid, FieldError
from runs_app.models import DataSet, Job

SHOWN = 10


def request_fetch(wish: FetchWish) -> Job:
    """Record a fetch; one that is under way for the same candles is given back instead.

    Raises ``ConfigInvalid`` where there is no room on the disk.
    """
    refusal = read_disk(data_root()).refusal
    if refusal:
        raise ConfigInvalid([FieldError("name", refusal)])
    for job in recent_fetches():
        if not job.is_final and FetchWish.model_validate(job.arguments).key == wish.key:
            return job
    return submit(JobKind.FETCH, wish.model_dump())


def find_fetch(uid: str) -> Job:
    """Raises ``FetchNotFound``."""
    job = Job.objects.filter(uid=uid, kind=JobKind.FETCH).first()
    if job is None:
        raise FetchNotFound("There is no such fetch.")
    return job


def cancel_fetch(job: Job) -> bool:
    """End it after the page under way; what has come is kept a week. False where it had ended."""
    return fetching.cancel(job)


def recent_fetches() -> list[Job]:
    """The newest fetches, those under way first."""
    jobs = list(Job.objects.filter(kind=JobKind.FETCH)[:SHOWN])
    return sorted(jobs, key=lambda job: job.is_final)


def data_set_of(job: Job) -> DataSet | None:
    """What a fetch has become; None before its end and once that was removed."""
    return DataSet.objects.filter(path=job.facts.get("file", "")).first()
