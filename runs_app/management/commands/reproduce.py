"""``manage.py reproduce PASSPORT``: do a run again and say which numbers agree."""

from __future__ import annotations

import contextlib
import tempfile
from argparse import ArgumentParser, ArgumentTypeError
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from runs_app.forecasting.agreement import RELATIVE_TOLERANCE, Agreement
from runs_app.forecasting.counted import counted
from runs_app.forecasting.passport import Number
from runs_app.services.reproduce import CannotCompare, Reproduction, reproduce

DISAGREES, NOT_COMPARED = 1, 2


class Command(BaseCommand):
    """Prints each number then and now. Exit status 0: all agree, 1: not all, 2: not compared."""

    help = (
        "Train a run again from its passport (passport.json, or the zip of the whole run) and "
        "compare every final number. Neither the product nor a database need run. Exit status 0: "
        "all numbers agree, 1: at least one does not, 2: they could not be compared."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which run, on which candles, where, and how exactly."""
        parser.add_argument("passport", metavar="PASSPORT", type=Path)
        parser.add_argument(
            "--data",
            metavar="FILE",
            type=Path,
            help="the candle file (default: the file in DATA_ROOT or the import that has the "
            "passport's SHA-256)",
        )
        parser.add_argument(
            "--into",
            metavar="DIR",
            type=Path,
            help="a new folder that keeps the run's files (default: a temporary one)",
        )
        parser.add_argument(
            "--tolerance",
            metavar="X",
            type=_tolerance,
            help="relative difference up to which numbers agree (default: 0, the same bits, with "
            f"the same CPU, threads, packages and code; otherwise {RELATIVE_TOLERANCE:g})",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Train in the foreground, print the table."""
        try:
            with _folder(options["into"]) as directory:
                found = reproduce(
                    options["passport"],
                    directory,
                    data=options["data"],
                    tolerance=options["tolerance"],
                    say=self.stderr.write if options["verbosity"] else lambda line: None,
                )
        except CannotCompare as error:
            raise CommandError(str(error), returncode=NOT_COMPARED) from error
        self.stdout.write(_table(found))
        if not found.agrees:
            wrong = sum(line.agrees is Agreement.NO for line in found.lines)
            raise CommandError(
                f"{wrong:,} of {counted(len(found.lines), 'number')} do not agree.",
                returncode=DISAGREES,
            )


@contextlib.contextmanager
def _folder(into: Path | None) -> Iterator[Path]:
    if into is not None:
        yield into
        return
    with tempfile.TemporaryDirectory(prefix="aistempre-again-") as name:
        yield Path(name)


def _tolerance(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise ArgumentTypeError(f"{text} is no share; give a number from 0 to 1, such as 0.001")
    return value


def _table(found: Reproduction) -> str:
    rows = [("number", "then", "now", "agrees")]
    rows += [(x.name, _text(x.then), _text(x.now), str(x.agrees)) for x in found.lines]
    wide = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        f"{name:{wide[0]}}  {then:>{wide[1]}}  {now:>{wide[2]}}  {agrees}"
        for name, then, now, agrees in rows
    ]
    counts = Counter(line.agrees for line in found.lines)
    told = ", ".join(f"{counts[kind]} {kind}" for kind in Agreement if counts[kind])
    allowed = (
        f"relative tolerance {found.tolerance:g}" if found.tolerance else "the same bits expected"
    )
    surroundings = (
        ["What differs from then:", *(f"  {one}" for one in found.differences)]
        if found.differences
        else ["Device, threads, packages and code are those of then."]
    )
    return "\n".join([*lines, "", *surroundings, f"Run {found.passport.run}, {allowed}: {told}."])


def _text(value: Number) -> str:
    if value is None:
        return "-"
    return repr(value) if isinstance(value, float) else str(value)
