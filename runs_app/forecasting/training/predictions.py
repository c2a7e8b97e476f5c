"""``predictions.parquet``: one row per decision of validation and test, calibrated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from runs_app.forecasting.evaluation.predictive import Family
from runs_app.forecasting.evaluation.scores import can_quantile, quantile
from runs_app.forecasting.losses.forecast import QUANTILE_LEVELS

if TYPE_CHECKING:
    from pathlib import Path

    from runs_app.forecasting.evaluation.predictive import FloatArray
    from runs_app.forecasting.training.evidence import Evidence

    Columns = dict[str, pa.Array]

QUANTILE_COLUMNS = tuple(f"q{level:g}" for level in QUANTILE_LEVELS)
DIRECTIONS = ("down", "flat", "up")


def prediction_table(evidence: Evidence, *, split: str) -> pa.Table:
    """The rows of one part, in time order; returns are log-returns, times UTC.

    ``time`` is when the decision can be made: the close of its bar. A column is null where the head
    has no such value: a quantile head has no mean, only the quantile head and the two densities
    have quantiles.
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
    return pa.table(columns)


def write_predictions(path: Path, tables: list[pa.Table]) -> None:
    """Write all parts as one file, which appears whole or not at all."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        pq.write_table(pa.concat_tables(tables), temporary, compression="zstd")
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _column(values: FloatArray | None, count: int) -> pa.Array:
    return pa.nulls(count, pa.float64()) if values is None else pa.array(values, pa.float64())


def column_names() -> tuple[str, ...]:
    """The columns of the file, in order."""
    named: list[Any] = ["time", "split", "close", "target", "mean", "scale", "df"]
    named += QUANTILE_COLUMNS
    for name in ("short", "long"):
        named += [f"{name}_label", *(f"{name}_p_{direction}" for direction in DIRECTIONS)]
    return tuple(named)
