"""``manage.py inspect_data PATH|NAME``: everything about a candle file, and nothing changed."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from runs_app.errors import DataSourceNotFound
from runs_app.execution.core_process import CoreFailed
from runs_app.execution.data_files import data_root
from runs_app.execution.intake import examine_file
from runs_app.forecasting.config.reading import ColumnOrder, DateOrder, Reading
from runs_app.forecasting.data.report_text import report_lines
from runs_app.services.datasets import resolve_source


class Command(BaseCommand):
    """Print the data report of a file; exit status 1 when it cannot be used as it is."""

    help = (
        "Print the data report of a candle file: what was understood, which bars are missing, what "
        "is wrong or odd with line numbers, and what repair would do. Imports nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file, and the answers to what it leaves open."""
        parser.add_argument("source", metavar="PATH|NAME", help="any file, or a data set's name")
        parser.add_argument("--json", action="store_true", help="the report as JSON")
        parser.add_argument("--date-order", choices=list(DateOrder), default=DateOrder.AUTO)
        parser.add_argument("--column-order", choices=list(ColumnOrder), default=ColumnOrder.AUTO)

    def handle(self, *args: Any, **options: Any) -> None:
        """Read in a process of its own, print."""
        reading = Reading(DateOrder(options["date_order"]), ColumnOrder(options["column_order"]))
        try:
            report = examine_file(self._path(options["source"]), reading)
        except CoreFailed as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(report.model_dump_json(indent=2))
        else:
            self.stdout.write("\n".join(report_lines(report)))
        if report.problem:
            raise CommandError("It cannot be used as it is.", returncode=1)

    @staticmethod
    def _path(source: str) -> Path:
        if Path(source).exists():
            return Path(source).resolve()
        try:
            return data_root() / resolve_source(source)
        except DataSourceNotFound as error:
            raise CommandError(f"{source} is no file, and {error}") from error
