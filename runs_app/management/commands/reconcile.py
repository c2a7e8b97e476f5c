"""``manage.py reconcile``: say where rows and files differ, and put it right when asked to."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from runs_app.execution.reconcile import Report, compare
from runs_app.execution.repair import Repaired, repair
from runs_app.forecasting.counted import counted
from runs_app.templatetags.runs_format import size


class Command(BaseCommand):
    """Compares the database with MEDIA_ROOT; ends with status 1 where they differ."""

    help = (
        "Say where the database and the files under MEDIA_ROOT differ: folders without a run, "
        "files that are missing or are not what was saved, temporary leftovers, imports that no "
        "data set names. Changes nothing without --repair. Exit status 1 where differences remain."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """What to do."""
        parser.add_argument("--repair", action="store_true", help="put right what can be")
        parser.add_argument("--verify", action="store_true", help="hash every registered file")
        parser.add_argument("--json", action="store_true", help="answer as one JSON object")

    def handle(self, *_: Any, **options: Any) -> None:
        """Report, repair, report again."""
        report = compare(verify=options["verify"])
        repaired = None
        if options["repair"] and report.differences:
            repaired = repair(report.differences)
            report = compare(verify=options["verify"])
        if options["json"]:
            self.stdout.write(json.dumps(_document(report, repaired), indent=2))
        else:
            self._tell(report, repaired)
        if not report.agrees:
            raise CommandError(
                f"{counted(len(report.differences), 'difference remains', 'differences remain')}.",
                returncode=1,
            )

    def _tell(self, report: Report, repaired: Repaired | None) -> None:
        if repaired:
            for sentence in repaired.done:
                self.stdout.write(sentence)
            for sentence in repaired.left:
                self.stdout.write(f"Left as it is: {sentence}")
            self.stdout.write(f"Freed {size(repaired.freed)}.")
        for one in report.differences:
            taken = f" [{size(one.size_bytes)}]" if one.size_bytes else ""
            self.stdout.write(f"{one.kind}: {one.path}{taken}: {one.sentence}")
        self.stdout.write(
            f"{counted(report.runs, 'run')} compared, "
            f"{counted(len(report.differences), 'difference')}, "
            f"{size(report.size_bytes)} on disk."
        )


def _document(report: Report, repaired: Repaired | None) -> dict[str, Any]:
    return {
        "agrees": report.agrees,
        "runs": report.runs,
        "differences": [asdict(one) for one in report.differences],
        "repaired": None if repaired is None else asdict(repaired),
    }
