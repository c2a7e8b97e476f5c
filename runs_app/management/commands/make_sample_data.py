"""``manage.py make_sample_data``: write synthetic candles into DATA_ROOT."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from runs_app.execution.data_files import data_root
from runs_app.forecasting.data.sample import DEFAULT_BARS, DEFAULT_SEED, FILE_NAME, write_sample
from runs_app.services.datasets import refresh_one

MIN_BARS = 1000
MAX_BARS = 10_000_000


class Command(BaseCommand):
    """Write the synthetic sample and register it as a data set that says it is synthetic."""

    help = (
        f"Write {FILE_NAME} into DATA_ROOT: synthetic 1-minute candles from a GARCH process with "
        "Student-t shocks, whose true distribution is known. An existing file is kept."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How many bars, which seed, and whether to replace an existing file."""
        parser.add_argument("--bars", type=int, default=DEFAULT_BARS, help="default %(default)s")
        parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="default %(default)s")
        parser.add_argument("--force", action="store_true", help="Replace an existing file.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write and register; says what was done."""
        bars, seed = options["bars"], options["seed"]
        if not MIN_BARS <= bars <= MAX_BARS:
            raise CommandError(f"--bars must be from {MIN_BARS:,} to {MAX_BARS:,}, not {bars:,}.")
        if seed < 0:
            raise CommandError(f"--seed must not be negative, but is {seed}.")
        path = data_root() / FILE_NAME
        kept = path.exists() and not options["force"]
        if not kept:
            try:
                write_sample(path, bars=bars, seed=seed)
            except OSError as error:
                raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
        row = refresh_one(FILE_NAME)
        verb = "Kept" if kept else "Wrote"
        bars_text = f"{row.bars:,} synthetic {row.timeframe} candles" if row.bars else row.problem
        self.stdout.write(f"{verb} {path}: {bars_text}")
