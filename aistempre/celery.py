"""The Celery application. The broker only wakes workers: the queue of runs is the database."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aistempre.settings")

SWEEP_SECONDS = 15

app = Celery("aistempre")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    imports=("runs_app.tasks",),
    beat_schedule={
        "sweep": {
            "task": "runs_app.sweep",
            "schedule": SWEEP_SECONDS,
            "options": {"expires": SWEEP_SECONDS},
        },
    },
)
