"""``manage.py rebuild_curves``: make the blocks of curves again from the events."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from runs_app.forecasting.counted import counted
from runs_app.models import TrainingRun
from runs_app.points.sealing import rebuild


class Command(BaseCommand):
    """Rebuilds the blocks from which charts are drawn; they hold nothing of their own."""

    help = (
        "Make the blocks that charts are drawn from again, of the runs named or of all. They are "
        "made of the events alone, so that nothing is lost; a run may train meanwhile."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Which runs."""
        parser.add_argument("runs", nargs="*", metavar="RUN", help="public id of a run")

    def handle(self, *_: Any, **options: Any) -> None:
        """One run after another."""
        wanted = options["runs"]
        runs = TrainingRun.objects.filter(uid__in=wanted) if wanted else TrainingRun.objects.all()
        known = dict(runs.values_list("uid", "pk"))
        if missing := [uid for uid in wanted if uid not in known]:
            raise CommandError(f"There is no run {', '.join(missing)}.")
        for uid, pk in known.items():
            self.stdout.write(f"{uid}: {counted(rebuild(pk), 'event is', 'events are')} in blocks.")
