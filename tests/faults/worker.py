"""The product's Celery application with scripted trainers, for ``celery -A tests.faults.worker``.

All of the worker is the product's own but the entry that its fork server calls.
"""

from __future__ import annotations

from functools import cache

import django

from aistempre.celery import app
from runs_app.execution.trainer_process import TrainerServer
from tests.faults import trainers

django.setup()

from runs_app import tasks  # noqa: E402 - needs the applications


@cache
def scripted_server() -> TrainerServer:
    """The fork server of this worker process."""
    return TrainerServer(trainers.ENTRY, ("tests.faults.trainers",))


tasks.trainer_server = scripted_server

__all__ = ["app"]
