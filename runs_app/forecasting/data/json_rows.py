"""Candles in JSON: a list of lists (freqtrade) or a list of objects, as columns."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from runs_app.forecasting.errors import DataInvalid

MAX_JSON_BYTES = 256 * 1024**2
"""A value in JSON takes about ten times its text in memory while it is read."""

_ADVICE = 'write a list of objects, such as [{"time": ..., "open": ...}], or a list of lists'


def read_json_rows(data: bytes) -> tuple[pa.Table, list[str] | None]:
    """The columns of a JSON text, and their names, or None for a list of lists.

    Raises ``DataInvalid`` when the text is no JSON, too large, or no list of equal rows.
    """
    if len(data) > MAX_JSON_BYTES:
        raise DataInvalid(
            f"the file holds more than {MAX_JSON_BYTES // 1024**2} MiB of JSON; save it as CSV or "
            "Parquet"
        )
    try:
        rows = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataInvalid(f"the file is no JSON ({str(error)[:200]}); copy it again") from None
    if not isinstance(rows, list) or not rows:
        raise DataInvalid(f"the JSON holds no list of candles; {_ADVICE}")
    if all(isinstance(row, dict) for row in rows):
        names = list(dict.fromkeys(name for row in rows for name in row))
        return _table([[row.get(name) for row in rows] for name in names]), names
    if not all(isinstance(row, list) for row in rows):
        raise DataInvalid(f"the JSON mixes kinds of rows; {_ADVICE}")
    width = len(rows[0])
    for place, row in enumerate(rows, 1):
        if len(row) != width:
            raise DataInvalid(
                f"row {place}: there are {len(row)} values where {width} columns are expected",
                row=place,
            )
    return _table([list(column) for column in zip(*rows, strict=True)]), None


def _table(columns: list[list[Any]]) -> pa.Table:
    return pa.table({str(i): _column(values) for i, values in enumerate(columns)})


def _column(values: list[Any]) -> pa.Array:
    """Numbers as numbers, all else as text: text is judged where the text of a CSV is judged."""
    kinds = {type(value) for value in values}
    if kinds <= {int, float}:
        try:
            return pa.array(values, pa.int64() if kinds == {int} else pa.float64())
        except (OverflowError, pa.ArrowInvalid):
            pass
    text = [None if value is None else str(value) for value in values]
    return pa.array([value and value.encode("utf-8", "replace").decode() for value in text])
