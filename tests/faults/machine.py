"""Rules that the machine can show: S3, S4 (locks), S8, S12 (memory)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
from django.db.models.functions import Now

from runs_app.choices import RunStatus
from runs_app.execution import job_claims, leases, worker_process
from runs_app.execution.slots import try_lock
from runs_app.models import Job, TrainingRun
from tests.faults.findings import Violation
from tests.faults.laboratory import Laboratory
from tests.faults.waiting import NotInTime, wait_for

GONE_SECONDS = 10.0
MEMORY_ROOM = 200 * 1024 * 1024
"""Of a process at rest above its base: pools of threads, caches, and an allocator that keeps what
it had. A leak over many runs goes beyond it."""


def check_active() -> Iterator[Violation]:
    """S3: whoever trains a run or does a job is there."""
    limit = leases.from_now(-leases.renewal_seconds() * 2)
    for run in TrainingRun.objects.filter(status=RunStatus.RUNNING):
        if worker_process.is_gone(run.worker):
            yield Violation("S3", f"run {run.uid} is running, its worker {run.worker} is gone")
    late = TrainingRun.objects.filter(status=RunStatus.RUNNING, lease_until__lt=limit)
    for run in late.annotate(now=Now()):
        yield Violation("S3", f"run {run.uid} is running, its lease ended {run.lease_until}")
    try:
        wait_for("the jobs of lost workers", lambda: not _left_jobs(), GONE_SECONDS)
    except NotInTime:
        for job in _left_jobs():
            yield Violation("S3", f"job {job.uid} is worked on, its worker {job.worker} is gone")


def _left_jobs() -> list[Job]:
    limit = leases.from_now(-leases.renewal_seconds() * 2)
    late = set(job_claims.working().filter(lease_until__lt=limit))
    return [
        job for job in job_claims.working() if job in late or worker_process.is_gone(job.worker)
    ]


def check_locks(home: Path) -> Iterator[Violation]:
    """S4: with nothing running every slot can be had."""
    if TrainingRun.objects.filter(status=RunStatus.RUNNING).exists():
        return
    for path in sorted((home / "slots").glob("*.lock")):
        try:
            wait_for("the slot", lambda path=path: _is_free(path), GONE_SECONDS)  # type: ignore[misc]
        except NotInTime:
            yield Violation("S4", f"{path.name} is held although nothing runs")


def _is_free(path: Path) -> bool:
    descriptor = try_lock(path)
    if descriptor is None:
        return False
    os.close(descriptor)
    return True


def check_processes(laboratory: Laboratory) -> Iterator[Violation]:
    """S8: no process of an attempt that has ended, and nobody else was signalled."""
    try:
        wait_for("the end of what has ended", lambda: not _left(laboratory), GONE_SECONDS)
    except NotInTime:
        for process, uid in _left(laboratory):
            yield Violation("S8", f"process {process.pid} of run {uid} lives on")
    if laboratory.bystander.poll() is not None:
        yield Violation("S8", f"a bystander was ended: {laboratory.bystander.returncode}")


def _left(laboratory: Laboratory) -> list[tuple[psutil.Process, str]]:
    running = set(
        TrainingRun.objects.filter(status=RunStatus.RUNNING).values_list("uid", flat=True)
    )
    found = []
    for process in laboratory.trainers():
        with suppress(psutil.Error):
            uid = Path(process.cwd()).relative_to(laboratory.runs_root).parts[0].split()[0]
            if uid not in running and process.status() != psutil.STATUS_ZOMBIE:
                found.append((process, uid))
    return found


def check_memory(laboratory: Laboratory) -> Iterator[Violation]:
    """S12: web and worker are near where they began."""
    for name, size in laboratory.memory().items():
        base = laboratory.base_memory[name]
        if size > base + MEMORY_ROOM:
            yield Violation("S12", f"{name} holds {size >> 20} MiB, {base >> 20} MiB at its start")
