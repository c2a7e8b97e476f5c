"""``manage.py check_leaks WHAT``: look for look-ahead in a configuration and its data."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from runs_app.execution.core_process import CoreFailed
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.forecasting.evaluation.documents import LeakCheck
from runs_app.management.what import HELP, payload_of
from runs_app.services.leak_checks import check_leaks_now

LEAKS, NOT_CHECKED = 1, 2


class Command(BaseCommand):
    """Prints each check with what was found. Exit status 0: passed, 1: leaks, 2: not checked."""

    help = (
        "Look for anything in a configuration's inputs that could know the future. Exit status 0: "
        "all checks passed, 1: at least one failed, 2: they could not be made."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to check, overrides, and the form of the answer."""
        parser.add_argument(
            "what",
            metavar="WHAT",
            help=HELP,
        )
        parser.add_argument(
            "overrides", nargs="*", metavar="KEY=VALUE", help="such as data.timeframes=[5m,1h]"
        )
        parser.add_argument("--json", action="store_true", help="Print the result as JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Resolve, check in a process of its own, print."""
        try:
            payload = payload_of(options["what"], unreadable=NOT_CHECKED)
            if options["overrides"]:
                payload = {**payload, "overrides": "\n".join(options["overrides"])}
            found = check_leaks_now(payload)
        except ConfigInvalid as invalid:
            lines = [f"  {e.path}: {e.message}" if e.path else f"  {e.message}"
                     for e in invalid.errors]  # fmt: skip
            message = "\n".join([f"{options['what']}: nothing was checked.", *lines])
            raise CommandError(message, returncode=NOT_CHECKED) from invalid
        except CoreFailed as failed:
            raise CommandError(str(failed), returncode=NOT_CHECKED) from failed
        self.stdout.write(found.model_dump_json(indent=2) if options["json"] else _table(found))
        if not found.passed:
            failed_checks = sum(not finding.passed for finding in found.findings)
            raise CommandError(
                f"{failed_checks} of {len(found.findings)} checks failed.", returncode=LEAKS
            )


def _table(found: LeakCheck) -> str:
    lines = [
        f"{'passed' if finding.passed else 'FAILED'}  {finding.name:16}{finding.detail}"
        for finding in found.findings
    ]
    verdict = "No leak found" if found.passed else "LEAKS"
    return "\n".join([*lines, f"{verdict}, in {found.seconds:.1f} s."])
