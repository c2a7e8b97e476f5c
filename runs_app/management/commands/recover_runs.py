"""``manage.py recover_runs``: put right what a lost worker or a lost message left behind."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from runs_app.execution import wakeups
from runs_app.execution.recovery import recover_lost
from runs_app.forecasting.counted import counted

MOST = 1_000


class Command(BaseCommand):
    """Takes up runs whose worker was lost and wakes workers for runs that wait."""

    help = (
        "Put every run whose worker is lost back into the queue, or end it where that happened too "
        "often, and wake workers for the runs that wait. The running product does the same by "
        "itself every few seconds."
    )

    def handle(self, *_: Any, **__: Any) -> None:
        """Print one line per run put right, and what waits."""
        lost = recover_lost()
        for run in lost:
            self.stdout.write(f"{run.uid}: {run.status}. {run.message}")
        waiting = wakeups.wake_oldest(MOST)
        self.stdout.write(
            f"{counted(len(lost), 'lost run')} taken up; "
            f"{counted(waiting, 'waiting run')} announced."
        )
