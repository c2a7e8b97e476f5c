"""``manage.py predict RUN DATA``: forecast the newest closed candles with a run's model."""

from __future__ import annotations

import json
import tempfile
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from django.core.management.base import BaseCommand, CommandError

from runs_app.errors import DataSourceNotFound, RunError
from runs_app.execution.core_process import CoreFailed, ask_core
from runs_app.execution.data_files import data_root
from runs_app.execution.predicting import checkpoint_of, command_of
from runs_app.forecasting.counted import counted
from runs_app.forecasts import ForecastRow, read_rows
from runs_app.queries import get_run
from runs_app.services.datasets import resolve_source

SHOWN = 20


class Command(BaseCommand):
    """Print the newest forecasts; ``--out`` keeps them all, ``--json`` is for programs."""

    help = (
        "Forecast the newest closed candles of a data set or a candle file with the best "
        "checkpoint of a run. A candle that has not closed is never used."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which model, which candles, how many decisions, and where they go."""
        parser.add_argument("run", metavar="RUN", help="Id of a run that has a checkpoint.")
        parser.add_argument("data", metavar="DATA", help="A data set's name, or a candle file.")
        parser.add_argument("--last", type=int, default=1, help="Newest decisions (default 1).")
        parser.add_argument("--out", type=Path, metavar="FILE.parquet", help="Keep the table.")
        parser.add_argument("--repair", action="store_true", help="Leave faulty rows out.")
        parser.add_argument("--json", action="store_true", help="Print JSON instead of a table.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask the core in a process of its own."""
        if options["last"] < 1:
            raise CommandError("--last must be at least 1.")
        with tempfile.TemporaryDirectory() as folder:
            out = (options["out"] or Path(folder) / "forecasts.parquet").resolve()
            facts = self._ask(out, options)
            rows = read_rows(pq.read_table(out))
        if options["json"]:
            document = {"notes": facts["notes"], "rows": [asdict(row) for row in rows]}
            json.dump(document, self.stdout, default=str, indent=2)
            self.stdout.write("")
            return
        for note in facts["notes"]:
            self.stderr.write(f"{note[0].upper()}{note[1:]}.")
        self._table(rows)
        if options["out"]:
            self.stdout.write(
                f"{counted(len(rows), 'forecast')} written to {out} (SHA-256 {facts['sha256']})"
            )

    def _ask(self, out: Path, options: dict[str, Any]) -> dict[str, Any]:
        try:
            command = command_of(
                checkpoint_of(get_run(options["run"])),
                _candles(options["data"]),
                out,
                last=options["last"],
                repair=options["repair"],
            )
            return ask_core(command)
        except (RunError, CoreFailed) as error:
            raise CommandError(str(error)) from error

    def _table(self, rows: list[ForecastRow]) -> None:
        names = [n for n in ("0.025", "0.25", "0.5", "0.75", "0.975") if n in rows[-1].prices]
        heads = [f"{float(name):.1%}" for name in names]
        self.stdout.write(
            f"{'decided at (UTC)':<17} {'forecast for':<17} {'close':>12} {'mean, bp':>9} "
            + " ".join(f"{head:>12}" for head in heads)
        )
        for row in rows[-SHOWN:]:
            prices = " ".join(f"{row.prices[name]:>12.7g}" for name in names)
            self.stdout.write(
                f"{row.time:%Y-%m-%d %H:%M}  {row.target_time:%Y-%m-%d %H:%M}  {row.close:>12.7g} "
                f"{row.location * 1e4:>9.3g} {prices}"
            )
        newest = rows[-1]
        for name, shares in (("short", newest.short), ("long", newest.long)):
            words = ", ".join(f"{direction} {share:.1%}" for direction, share in shares.items())
            self.stdout.write(f"{name} direction at the newest decision: {words}")


def _candles(text: str) -> Path:
    """A candle file named from the shell, else what a data set's name stands for."""
    path = Path(text)
    if path.is_file():
        return path.resolve()
    try:
        return data_root() / resolve_source(text)
    except DataSourceNotFound as error:
        raise CommandError(f"DATA {error}") from error
