"""A dress rehearsal as a job: on a slot of its own, as a run has one, so that it disturbs none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import psutil
from django.conf import settings

from runs_app.execution.core_process import Command
from runs_app.execution.slots import HeldSlots
from runs_app.forecasting.cores import threads_for
from runs_app.models import Job

MODULE = "runs_app.forecasting.training.rehearse_command"
FOLDER = "rehearsals"
"""Beside the runs, so that a checkpoint goes to the disk that theirs go to."""


def command(job: Job, held: HeldSlots) -> Command:
    """``arguments``: ``config``, the resolved configuration. Makes the folder it works in.

    It may take what a run may: the trainer itself refuses what the machine cannot hold.
    """
    folder = folder_of(job)
    clear(job)
    folder.mkdir(parents=True)
    return Command(
        MODULE,
        (
            json.dumps(job.arguments["config"]),
            "--data-root",
            str(Path(settings.DATA_ROOT).resolve()),
            "--folder",
            str(folder),
        ),
        memory_bytes=psutil.virtual_memory().total + psutil.swap_memory().total,
        threads=threads_for(settings.RUN_SLOTS),
        devices=held.devices,
    )


def folder_of(job: Job) -> Path:
    """Where the rehearsal writes its events and its checkpoint, while it lasts."""
    return Path(settings.RUNS_ROOT).parent / FOLDER / f"{job.uid}-{job.attempt}"


def clear(job: Job) -> None:
    """Remove what it wrote, however it ended."""
    shutil.rmtree(folder_of(job), ignore_errors=True)
