"""Jobs: done once, by whoever claims them, and never left waiting."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from runs_app import tasks
from runs_app.choices import JobKind, JobReason, JobState
from runs_app.execution import jobs
from runs_app.execution.core_process import Command, CoreFailed
from runs_app.models import Job

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Command]:
    """Commands that were started; the real process is tried in ``test_core_process``."""
    started: list[Command] = []

    def ask(command: Command, *, wanted: Callable[[], bool]) -> dict[str, object]:
        assert wanted()
        started.append(command)
        if command.module == "refuse":
            raise CoreFailed(
                "line 3: open is not a number", reason=JobReason.DATA, facts={"row": 3}
            )
        return {"rows": 1}

    monkeypatch.setattr(jobs, "ask_core", ask)
    return started


def of_module(module: str) -> Callable[[Job], Command]:
    return lambda _: Command(module, ())


def make(module: str, monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.setitem(jobs.COMMANDS, JobKind.PREDICTION, of_module(module))
    return Job.objects.create(kind=JobKind.PREDICTION)


def test_a_job_is_done_once(asked: list[Command], monkeypatch: pytest.MonkeyPatch) -> None:
    job = make("answer", monkeypatch)
    tasks.carry_out(job.pk)
    tasks.carry_out(job.pk)
    job.refresh_from_db()
    assert (job.state, job.facts, job.message) == (JobState.DONE, {"rows": 1}, "")
    assert job.is_final
    assert job.finished_at is not None
    assert len(asked) == 1


def test_a_refusal_keeps_its_sentence_and_its_facts(
    asked: list[Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make("refuse", monkeypatch)
    tasks.carry_out(job.pk)
    job.refresh_from_db()
    assert (job.state, job.facts) == (JobState.FAILED, {"row": 3})
    assert (job.reason, job.message) == (JobReason.DATA, "line 3: open is not a number")


def test_a_fault_of_the_product_ends_the_job_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(_: Job) -> Command:
        raise ZeroDivisionError

    job = make("answer", monkeypatch)
    monkeypatch.setitem(jobs.COMMANDS, JobKind.PREDICTION, fault)
    tasks.carry_out(job.pk)
    job.refresh_from_db()
    assert (job.state, job.reason) == (JobState.FAILED, JobReason.BUG)
    assert "worker's log" in job.message


def test_the_sweep_wakes_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[int] = []
    monkeypatch.setattr(jobs, "_wake", woken.append)
    waiting = make("answer", monkeypatch)
    Job.objects.create(kind=JobKind.PREDICTION, state=JobState.DONE)
    tasks.sweep()
    assert woken == [waiting.pk]


def test_a_job_wakes_a_worker_when_it_is_committed(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    woken: list[int] = []
    monkeypatch.setattr(jobs, "_wake", woken.append)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        job = jobs.submit(JobKind.PREDICTION, {"last": 1})
        assert woken == []
    assert woken == [job.pk]
