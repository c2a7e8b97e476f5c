"""A whole run as one zip, made while it is sent: bounded memory, nothing written to the disk.

The names in it are the product's own; of the run directory only regular files are read, and no link
is followed. A file that still grows is sent as long as it was when its turn came.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import BinaryIO

from runs_app.errors import ArtifactNotFound, ReportMissing
from runs_app.execution.passport import passport_of
from runs_app.forecasting.environment import ENVIRONMENT_FILE
from runs_app.forecasting.events import (
    CONFIG_FILE,
    CONSOLE_FILE,
    EVENTS_FILE,
    INIT_FILE,
    METRICS_FILE,
    PREDICTIONS_FILE,
    REPORT_FILE,
)
from runs_app.forecasting.passport import PASSPORT_FILE, to_json
from runs_app.models import TrainingRun
from runs_app.services.metric_table import Sink, as_csv, as_parquet
from runs_app.services.plot_tables import plot_tables
from runs_app.services.report import read_report
from runs_app.services.run_files import open_run_file

SUMS_FILE = "SHA256SUMS"
PIECE_BYTES = 256 * 1024
FILES = (
    CONFIG_FILE, CONSOLE_FILE, EVENTS_FILE, METRICS_FILE, REPORT_FILE, PREDICTIONS_FILE,
    ENVIRONMENT_FILE,
)  # fmt: skip
"""Of the run directory; what the run did not write is left out."""
STORED = (".ckpt", ".parquet")
"""Endings of what is compressed already."""

Pieces = Iterable[bytes]


class Checkpoints(StrEnum):
    """Which checkpoints go with the run; each once, whatever names it has."""

    NONE = "none"
    BEST = "best"
    ALL = "all"


def zip_name(run: TrainingRun) -> str:
    """Name of the file, and of the folder in it."""
    return f"run-{run.uid}"


def run_zip(run: TrainingRun, checkpoints: Checkpoints = Checkpoints.NONE) -> Iterator[bytes]:
    """The zip in pieces. Its last file, ``SHA256SUMS``, has the digest of every other one."""
    sink = Sink()
    sums: list[str] = []
    folder = zip_name(run)
    moment = (run.finished_at or datetime.now(UTC)).timetuple()[:6]
    with zipfile.ZipFile(sink, "w", allowZip64=True) as archive:
        for name, pieces in _contents(run, checkpoints):
            digest = hashlib.sha256()
            with archive.open(_entry(f"{folder}/{name}", moment), "w", force_zip64=True) as file:
                for piece in pieces:
                    digest.update(piece)
                    file.write(piece)
                    if content := sink.taken():
                        yield content
            sums.append(f"{digest.hexdigest()}  {name}\n")
        archive.writestr(_entry(f"{folder}/{SUMS_FILE}", moment), "".join(sums))
    yield sink.taken()


def _entry(name: str, moment: tuple[int, ...]) -> zipfile.ZipInfo:
    year, *rest = moment
    entry = zipfile.ZipInfo(name, (max(1980, year), *rest))  # type: ignore[arg-type]
    entry.compress_type = zipfile.ZIP_STORED if name.endswith(STORED) else zipfile.ZIP_DEFLATED
    entry.external_attr = 0o100644 << 16
    return entry


def _contents(run: TrainingRun, checkpoints: Checkpoints) -> Iterator[tuple[str, Pieces]]:
    yield PASSPORT_FILE, [to_json(passport_of(run)).encode()]
    for name in FILES:
        yield from _file(run, name)
    yield "metrics.csv", as_csv(run)
    yield "metrics.parquet", as_parquet(run)
    for name, table in _plots(run):
        yield f"plots/{name}.csv", [table()]
    if checkpoints is not Checkpoints.NONE:
        yield from _file(run, INIT_FILE)
        for name in _checkpoints(run, checkpoints):
            yield from _file(run, name)


def _plots(run: TrainingRun) -> Iterator[tuple[str, Callable[[], bytes]]]:
    try:
        tables = plot_tables(read_report(run).report)
    except ReportMissing:
        return
    for name, table in tables.items():
        yield name, table.as_csv


def _checkpoints(run: TrainingRun, wanted: Checkpoints) -> list[str]:
    rows = run.checkpoints.filter(is_best=True) if wanted is Checkpoints.BEST else run.checkpoints
    return list(rows.order_by("epoch", "step", "path").values_list("path", flat=True))


def _file(run: TrainingRun, path: str) -> Iterator[tuple[str, Pieces]]:
    """The file by its path, where the run has it as a regular file."""
    try:
        found = open_run_file(run, path)
    except ArtifactNotFound:
        return
    with found.file:
        yield path, _pieces(found.file, found.size_bytes)


def _pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    left = size
    while left > 0:
        piece = file.read(min(PIECE_BYTES, left))
        if not piece:
            return
        left -= len(piece)
        yield piece
