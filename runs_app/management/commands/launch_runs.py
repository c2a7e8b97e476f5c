"""``manage.py launch_runs FILE.yaml [--wait]``: launch a list or a grid of runs."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from runs_app.choices import FINAL, RunStatus
from runs_app.errors import DiskFull
from runs_app.forecasting.config.document import MAX_BYTES
from runs_app.forecasting.counted import counted
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.models import TrainingRun
from runs_app.services.batch import PlannedRun, plan_batch
from runs_app.services.clone import clone_run
from runs_app.services.groups import launch_group
from runs_app.services.launch import launch_run

POLL_SECONDS = 1.0


class Command(BaseCommand):
    """Launch the runs of a file, all or none; with ``--wait`` stay until they have ended."""

    help = (
        "Launch the runs that a YAML file asks for: a list of runs, or {base: {...}, grid: {key: "
        "[values]}} for every combination. A run with folds or seeds above 1 is a group, one "
        "with clone_of: ID differs from that run in the keys beside it. All are "
        "checked before the first is created."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file, and whether to wait."""
        parser.add_argument("file", type=Path, metavar="FILE.yaml")
        parser.add_argument("--wait", action="store_true", help="Stay until every run has ended.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, create, and wait where asked to. Exit status 1 when a run failed."""
        planned = self._plan(options["file"])
        try:
            uids = self._launch(planned)
        except DiskFull as error:
            raise CommandError(str(error)) from error
        if not options["wait"]:
            return
        try:
            ended = self._wait(uids)
        except KeyboardInterrupt:
            raise CommandError("Stopped waiting; the runs go on.", returncode=130) from None
        lost = [uid for uid, status in ended.items() if status != RunStatus.COMPLETED]
        if lost:
            raise CommandError(
                f"{len(lost):,} of {counted(len(uids), 'run')} did not complete.", returncode=1
            )

    def _plan(self, file: Path) -> list[PlannedRun]:
        try:
            with file.open("rb") as stream:
                content = stream.read(MAX_BYTES + 1)
            return plan_batch(content.decode("utf-8-sig"))
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise CommandError(f"{file} is not UTF-8 text.") from error
        except ConfigInvalid as invalid:
            lines = [
                f"  {e.path}: {e.message}" if e.path else f"  {e.message}" for e in invalid.errors
            ]
            raise CommandError("\n".join([f"{file}: nothing was launched.", *lines])) from invalid

    def _launch(self, planned: list[PlannedRun]) -> list[str]:
        uids = []
        for number, run in enumerate(planned, 1):
            if run.size.is_group:
                group = launch_group(run.payload, size=run.size, name=run.name)
                made = list(group.runs.order_by("pk").values_list("uid", flat=True))
                told = f"group {group.uid} of {counted(len(made), 'run')} {group.name}"
            else:
                created = (
                    clone_run(run.clone_of, run.payload, name=run.name or None)
                    if run.clone_of
                    else launch_run(run.payload, name=run.name)
                )
                made, told = [created.uid], f"{created.uid} {created.name}"
            uids += made
            self.stdout.write(f"{number}/{len(planned)} {told}".rstrip())
        return uids

    def _wait(self, uids: list[str]) -> dict[str, str]:
        """Status of each run once all have ended; says how each ended as it happens."""
        ended: dict[str, str] = {}
        terminal = self.stderr.isatty()
        with tqdm(total=len(uids), unit="run", disable=not terminal) as bar:
            while len(ended) < len(uids):
                live: Counter[str] = Counter()
                for run in TrainingRun.objects.filter(uid__in=uids).exclude(uid__in=ended):
                    if run.status in FINAL:
                        ended[run.uid] = run.status
                        bar.update()
                        bar.clear()
                        self.stdout.write(self._line(run, len(ended), len(uids)))
                    else:
                        live[str(run.get_status_display()).lower()] += 1
                gone = set(uids) - ended.keys() if not live else set()
                ended |= dict.fromkeys(gone, "deleted")
                bar.set_postfix(live)
                if len(ended) < len(uids):
                    time.sleep(POLL_SECONDS)
        return ended

    @staticmethod
    def _line(run: TrainingRun, number: int, total: int) -> str:
        best = "" if run.best_val_loss is None else f", best val loss {run.best_val_loss:.5g}"
        why = "" if run.status == RunStatus.COMPLETED else f": {run.message}"
        return f"{number}/{total} {run.uid} {run.name} {run.status}{best}{why}".replace("  ", " ")
