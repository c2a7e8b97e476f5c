"""``manage.py recover_runs``: put right what a lost worker or a lost message left behind."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from runs_app.execution import lifecycle, wakeups

MOST = 1_000


class Command(BaseCommand):
    """Fails runs whose worker was lost and wakes workers for runs that wait."""

    help = (
        "Fail every run whose worker stopped renewing its lease, and wake workers for the runs "
        "that wait. The running product does the same by itself every 15 seconds."
    )

    def handle(self, *_: Any, **__: Any) -> None:
        """Print one line per run put right, and what waits."""
        lost = lifecycle.settle_expired()
        for run in lost:
            self.stdout.write(f"{run.uid}: {run.status} ({run.reason}). {run.message}")
        waiting = wakeups.wake_oldest(MOST)
        self.stdout.write(f"{len(lost)} lost runs settled; {waiting} waiting runs announced.")
