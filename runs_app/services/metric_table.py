"""A run's metrics as a table, read in pages so that a million points need little memory.

Long form: one row per value, in the order of the reports and by name within one. A value that was
not reported has no row, so a NaN in the table is one that the trainer wrote. What was done again
after the fit went back stands there twice: of two rows of one step and name the later seq holds.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet

from runs_app.choices import EventKind
from runs_app.live.payloads import iso_utc
from runs_app.models import TrainingRun

PAGE_EVENTS = 2_000
"""Events read at once; each has up to some twenty values."""
GROUP_ROWS = 100_000
"""Rows of one group of the Parquet file, which are in memory at once."""

SCHEMA = pa.schema(
    [
        pa.field("seq", pa.int64(), nullable=False),
        pa.field("attempt", pa.int32(), nullable=False),
        pa.field("time", pa.timestamp("ms", "UTC"), nullable=False),
        pa.field("epoch", pa.int64()),
        pa.field("step", pa.int64()),
        pa.field("name", pa.string(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
    ]
)
COLUMNS: tuple[str, ...] = tuple(SCHEMA.names)

WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""As events spell what JSON has no number for."""

Row = tuple[int, int, datetime, int | None, int | None, str, float]


def metric_rows(run: TrainingRun) -> Iterator[list[Row]]:
    """Every value that the run has reported by now, some events at a time."""
    last = 0
    while True:
        events = list(
            run.events.filter(kind=EventKind.METRICS, seq__gt=last, seq__lte=run.last_seq)
            .order_by("seq")
            .values_list("seq", "attempt", "at", "payload")[:PAGE_EVENTS]
        )
        if not events:
            return
        last = events[-1][0]
        yield [
            (seq, attempt, at, _whole(payload.get("epoch")), _whole(payload.get("step")), *pair)
            for seq, attempt, at, payload in events
            for pair in _values(payload)
        ]


def _values(payload: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, value in sorted(payload.items()):  # a database may keep keys in no order
        if isinstance(value, dict):
            outer = "baseline" if name == "baselines" else name
            yield from _values(value, f"{prefix}{outer}.")
        elif (prefix or name not in ("epoch", "step")) and (number := _number(value)) is not None:
            yield f"{prefix}{name}", number


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        return WORDS.get(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value)


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def as_csv(run: TrainingRun) -> Iterator[bytes]:
    """UTF-8 with a heading; times in UTC, floats with all their digits, ``NaN``, ``Infinity``."""
    yield _lines([COLUMNS])
    for rows in metric_rows(run):
        yield _lines(
            (seq, attempt, iso_utc(at), epoch, step, _cell(name), _text(value))
            for seq, attempt, at, epoch, step, name, value in rows
        )


def _lines(rows: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _text(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return next(word for word, other in WORDS.items() if repr(other) == repr(value))


def _cell(name: str) -> str:
    """A name that a spreadsheet does not take for a formula."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name


def as_parquet(run: TrainingRun) -> Iterator[bytes]:
    """One Parquet file (zstd) in pieces, a row group at a time."""
    sink = Sink()
    with parquet.ParquetWriter(sink, SCHEMA, compression="zstd") as writer:
        waiting: list[Row] = []
        for rows in metric_rows(run):
            waiting += rows
            if len(waiting) >= GROUP_ROWS:
                writer.write_table(_table(waiting))
                waiting = []
                yield sink.taken()
        if waiting:
            writer.write_table(_table(waiting))
    yield sink.taken()


def _table(rows: list[Row]) -> pa.Table:
    columns = zip(*rows, strict=True)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)],
        schema=SCHEMA,
    )


class Sink(io.RawIOBase):
    """A file that is only written to; what was written is taken out again, piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        """It is for nothing else."""
        return True

    def write(self, piece: Any) -> int:
        """Keep a copy of the bytes."""
        content = bytes(piece)
        self._pieces.append(content)
        self._written += len(content)
        return len(content)

    def tell(self) -> int:
        """Bytes written since the beginning, taken out or not."""
        return self._written

    def taken(self) -> bytes:
        """What was written since the last call."""
        content = b"".join(self._pieces)
        self._pieces.clear()
        return content
