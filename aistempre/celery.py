"""The Celery application. The broker only wakes workers: the queue of runs is the database."""

from __future__ import annotations

import os

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aistempre.settings")

SWEEP_SECONDS = 15
SPARE_THREADS = 16
"""Threads beside one per slot: for the sweep, and for one run per GPU where there are several."""

app = Celery("aistempre")
app.conf.update(
    imports=("runs_app.tasks",),
    broker_url=settings.ENV.broker_url,
    broker_connection_retry_on_startup=True,
    # A page that wakes a worker must not wait for a broker that is away: the sweep repeats it.
    task_publish_retry_policy={"max_retries": 1, "interval_start": 0.1, "interval_max": 0.1},
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    # A message only wakes, so it is done once it is read: Redis would hand a late acknowledged one
    # out again after an hour, and a fit takes longer.
    task_acks_late=False,
    worker_pool="threads",
    worker_concurrency=settings.RUN_SLOTS + SPARE_THREADS,
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_hijack_root_logger=False,
    enable_utc=True,
    timezone="UTC",
    beat_schedule={
        "sweep": {
            "task": "runs_app.sweep",
            "schedule": SWEEP_SECONDS,
            "options": {"expires": SWEEP_SECONDS},
        },
    },
    beat_schedule_filename=str(settings.ENV.home / "beat-schedule"),
)
