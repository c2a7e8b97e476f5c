"""The Celery application. The broker only wakes workers: the queue of runs is the database."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, bootsteps
from kombu.transport.redis import Channel

from runs_app.execution.vitals import LOOP, ROUND_SECONDS, VITALS

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aistempre.settings")

SWEEP_SECONDS = 15


# A message only wakes, so none has to be put back when the connection breaks. Kombu tries that over
# the broken one, and the fault it then raises ends the whole worker with its runs.
Channel.do_restore = False


class LoopMoves(bootsteps.StartStopStep):
    """While a worker is connected its loop says that it moves; without a broker it waits."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, consumer: Any) -> None:
        """The loop is about to run."""
        VITALS.note(LOOP)
        self._tick = consumer.timer.call_repeatedly(ROUND_SECONDS, VITALS.note, (LOOP,))

    def stop(self, consumer: Any) -> None:
        """The connection is gone, or the worker ends."""
        self._tick.cancel()
        VITALS.leave(LOOP)


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
app.steps["consumer"].add(LoopMoves)
