"""``predictions.parquet``: one row per decision of validation and test, calibrated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from runs_app.forecasting.evaluation.judged_rows import (
    BASELINE_COLUMNS,
    DIRECTIONS,
    METADATA_KEY,
    QUANTILE_COLUMNS,
)
from runs_app.forecasting.evaluation.predictive import QUANTILE_LEVELS, Family
from runs_app.forecasting.evaluation.scores import can_quantile, quantile

if TYPE_CHECKING:
    from pathlib import Path

    from runs_app.forecasting.evaluation.judged_rows import FedWith
    from runs_app.forecasting.evaluation.predictive import FloatArray
    from runs_app.forecasting.training.evidence import Evidence

    Columns = dict[str, pa.Array]


def prediction_table(evidence: Evidence, *, split: str) -> pa.Table:
    """The rows of one part, in time order; returns are log-returns, times UTC.

    ``time`` is when the decision can be made: the close of its bar. A column is null where the head
    has no such value: a quantile head has no mean, only the quantile head and the two densities
    have quantiles. The baselines' distributions stand beside, calibrated as they were scored.
    """
    data, rows, p = evidence.data, evidence.rows, evidence.model
    count = len(rows)
    columns: Columns = {
        "time": pa.array(data.decision_time[rows], pa.timestamp("ms", tz="UTC")),
        "split": pa.array([split] * count, pa.string()),
        "close": pa.array(data.close[rows], pa.float64()),
        "target": pa.array(evidence.y, pa.float64()),
        "mean": _column(None if p.family is Family.QUANTILES else p.location, count),
        "scale": _column(p.scale, count),
        "df": _column(p.df, count),
    }
    for level, name in zip(QUANTILE_LEVELS, QUANTILE_COLUMNS, strict=True):
        columns[name] = _column(quantile(p, level) if can_quantile(p, level) else None, count)
    for name, one in evidence.directions.items():
        columns[f"{name}_label"] = pa.array(one.label, pa.int8())
        for position, direction in enumerate(DIRECTIONS):
            columns[f"{name}_p_{direction}"] = pa.array(one.probabilities[:, position])
    for key, fields in BASELINE_COLUMNS.items():
        for field in fields:
            columns[f"{key}_{field}"] = _column(getattr(evidence.baselines[key], field), count)
    return pa.table(columns)


def write_predictions(path: Path, tables: list[pa.Table], fed: FedWith) -> None:
    """Write all parts as one file, which appears whole or not at all."""
    temporary = path.with_name(f".{path.name}.new")
    whole = pa.concat_tables(tables)
    whole = whole.replace_schema_metadata({METADATA_KEY: fed.model_dump_json().encode()})
    try:
        pq.write_table(whole, temporary, compression="zstd")
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _column(values: FloatArray | None, count: int) -> pa.Array:
    return pa.nulls(count, pa.float64()) if values is None else pa.array(values, pa.float64())
