"""The beginning of a run's file as a page can show it: text, figures, or rows of a table."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet

from runs_app.forecasting.counted import counted
from runs_app.models import TrainingRun
from runs_app.queries import PREVIEWED
from runs_app.services.run_files import RunFile, open_run_file

TEXT_BYTES = 32 * 1024
JSON_BYTES = 8 * 1024 * 1024
FIGURES = 300
ROWS = 20
COLUMNS = 40
TABLE_BYTES = 1024**3
"""A larger Parquet file is not opened here."""


@dataclass(frozen=True)
class Preview:
    """One of ``text``, ``figures`` and ``rows`` is filled, or ``problem`` says why none is."""

    path: str
    text: str = ""
    figures: list[tuple[str, Any]] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)
    note: str = ""
    """What is left out, in a sentence."""
    problem: str = ""


def preview(run: TrainingRun, path: str) -> Preview:
    """The beginning of a file. Raises ``ArtifactNotFound``."""
    found = open_run_file(run, path)
    with found.file:
        try:
            if path.endswith(".parquet"):
                return _table(path, found)
            if path.endswith(".json") and found.size_bytes <= JSON_BYTES:
                return _figures(path, found)
            if path.endswith(PREVIEWED):
                return _text(path, found)
        except (ValueError, RecursionError, OSError, pa.ArrowException) as error:
            return Preview(path, problem=f"The file cannot be shown: {str(error)[:200]}.")
    return Preview(path, problem="A file of this kind is not shown; download it.")


def _text(path: str, found: RunFile) -> Preview:
    data = found.file.read(TEXT_BYTES)
    left = found.size_bytes - len(data)
    note = f"The first {len(data):,} bytes; {left:,} more are in the file." if left > 0 else ""
    return Preview(path, text=data.decode(errors="replace"), note=note)


def _figures(path: str, found: RunFile) -> Preview:
    figures: list[tuple[str, Any]] = []
    total = _collect(json.loads(found.file.read(JSON_BYTES)), "", figures)
    note = (
        f"{FIGURES} of {counted(total, 'value')}; the rest is in the file."
        if total > FIGURES
        else ""
    )
    return Preview(path, figures=figures, note=note)


def _collect(value: Any, name: str, figures: list[tuple[str, Any]]) -> int:
    """Put the leaves into ``figures``, as many as are shown; returns how many there are."""
    if isinstance(value, dict):
        return sum(
            _collect(one, f"{name}.{key}" if name else key, figures) for key, one in value.items()
        )
    if isinstance(value, list) and (
        len(value) > 8 or any(isinstance(one, (dict, list)) for one in value)
    ):
        return sum(_collect(one, f"{name}[{place}]", figures) for place, one in enumerate(value))
    if len(figures) < FIGURES:
        figures.append((name, ", ".join(map(str, value)) if isinstance(value, list) else value))
    return 1


def _table(path: str, found: RunFile) -> Preview:
    """The first rows, read without the rest: one page of each column is decoded."""
    if found.size_bytes > TABLE_BYTES:
        return Preview(path, problem="The file is too large to be shown; download it.")
    file = parquet.ParquetFile(found.file, buffer_size=64 * 1024, pre_buffer=False)
    names = file.schema_arrow.names[:COLUMNS]
    batch = next(file.iter_batches(batch_size=ROWS, columns=names, use_threads=False), None)
    rows = [] if batch is None else batch.to_pylist()[:ROWS]
    total = file.metadata.num_rows
    note = (
        f"The first {len(rows):,} of {counted(total, 'row')}."
        if len(rows) < total
        else f"{counted(total, 'row')}."
    )
    if len(names) < len(file.schema_arrow.names):
        note += f" {COLUMNS} of {counted(len(file.schema_arrow.names), 'column')}."
    return Preview(
        path, columns=names, rows=[[row[name] for name in names] for row in rows], note=note
    )
