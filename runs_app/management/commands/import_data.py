"""``manage.py import_data PATH...``: make data sets of candle files, now and here."""

from __future__ import annotations

import shutil
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from runs_app.choices import DataSetState, Origin
from runs_app.errors import DataSourceNotFound
from runs_app.execution.data_files import data_root, notice
from runs_app.forecasting.counted import counted
from runs_app.forecasting.data.endings import SUFFIXES, suffix_of
from runs_app.forecasting.data.imports import file_sha256
from runs_app.models import DataSet
from runs_app.services.datasets import refresh_one, resolve_source


class Command(BaseCommand):
    """Import files, those from elsewhere copied into DATA_ROOT; exit status 1 if one is refused."""

    help = (
        "Import candle files: the original stays as it is, and its report and its candles as "
        "canonical Parquet are kept beside the runs. A file from outside DATA_ROOT is copied into "
        "it first. An unchanged file that was imported before is not read again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The files."""
        parser.add_argument("paths", metavar="PATH|NAME", nargs="+")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import one after the other, and say what each came to."""
        rows = [self._import(source) for source in options["paths"]]
        bad = [row for row in rows if row.state != DataSetState.USABLE]
        if bad:
            raise CommandError(
                f"{len(bad)} of {len(rows)} cannot be used as they are; manage.py inspect_data "
                "tells everything about one.",
                returncode=1,
            )

    def _import(self, source: str) -> DataSet:
        try:
            row = refresh_one(self._relative(source))
        except DataSourceNotFound as error:
            raise CommandError(f"{source} {error}") from error
        self.stdout.write(_line(row))
        return row

    def _relative(self, source: str) -> str:
        """The path inside DATA_ROOT, where the file is copied to if it lies elsewhere."""
        path, root = Path(source).resolve(), data_root()
        if not path.is_file():
            return resolve_source(source)
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
        if suffix_of(path.name) is None:
            raise CommandError(f"{source} must end in one of {', '.join(SUFFIXES)}.")
        copy = root / path.name
        if copy.exists() and file_sha256(copy) != file_sha256(path):
            raise CommandError(f"{copy} exists already with other content; rename one of them.")
        if not copy.exists():
            part = root / f".{path.name}.part"
            try:
                shutil.copyfile(path, part)
                part.replace(copy)
                notice(path.name, copy.stat(), origin=Origin.IMPORTED)
            except OSError as error:
                part.unlink(missing_ok=True)
                raise CommandError(f"{copy} cannot be written: {error.strerror}.") from error
        return path.name


def _line(row: DataSet) -> str:
    said = [f"{row.name}: {row.get_state_display().lower()}"]
    if row.bars and row.first_open and row.last_open:
        said.append(
            f"{counted(row.bars, 'bar')} of {row.timeframe}, {row.first_open:%Y-%m-%d %H:%M} to "
            f"{row.last_open:%Y-%m-%d %H:%M} UTC"
        )
    if row.problem:
        said.append(row.problem)
    if row.candles_sha256:
        said.append(f"candles {row.candles_sha256}")
    return "; ".join(said)
