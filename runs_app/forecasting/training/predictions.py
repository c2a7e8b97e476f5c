"""``predictions.parquet``: one row per decision of validation and test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from scipy.special import ndtri, stdtrit

from runs_app.forecasting.config.schema import LossKind
from runs_app.forecasting.losses.forecast import QUANTILE_LEVELS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from runs_app.forecasting.data.prepare import PreparedData
    from runs_app.forecasting.losses.forecast import Forecast

    Columns = dict[str, pa.Array]

QUANTILE_COLUMNS = tuple(f"q{level:g}" for level in QUANTILE_LEVELS)
DIRECTIONS = ("down", "flat", "up")


def prediction_table(
    data: PreparedData, kind: LossKind, *, split: str, forecast: Forecast, target_scale: float
) -> pa.Table:
    """The rows of one part, in time order; returns are log-returns, times UTC.

    ``time`` is when the decision can be made: the close of its bar. A column is null where the head
    has no such value: a quantile head has no mean, only the quantile head and the two densities
    have quantiles.
    """
    rows = data.splits[split].numpy()
    count = len(rows)
    scale = None if forecast.log_scale is None else _numpy(forecast.log_scale.exp()) * target_scale
    location = _numpy(forecast.location) * target_scale
    df = None if forecast.df is None else _numpy(forecast.df)
    columns: Columns = {
        "time": pa.array(data.decision_time[rows], pa.timestamp("ms", tz="UTC")),
        "split": pa.array([split] * count, pa.string()),
        "close": pa.array(data.close[rows], pa.float64()),
        "target": pa.array(data.target.numpy()[rows].astype(np.float64), pa.float64()),
        "mean": _column(None if kind is LossKind.QUANTILE else location, count),
        "scale": _column(scale, count),
        "df": _column(df, count),
    }
    if forecast.quantiles is not None:
        quantiles = _numpy(forecast.quantiles) * target_scale  # [N, Q]
        columns |= {n: _column(quantiles[:, i], count) for i, n in enumerate(QUANTILE_COLUMNS)}
    else:
        for level, name in zip(QUANTILE_LEVELS, QUANTILE_COLUMNS, strict=True):
            columns[name] = _column(_density_quantile(level, location, scale, df), count)
    for name, logits, label in (
        ("short", forecast.short_logits, data.short_label),
        ("long", forecast.long_logits, data.long_label),
    ):
        columns |= _direction_columns(name, logits, label.numpy()[rows])
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


def _density_quantile(
    level: float,
    location: NDArray[np.float64],
    scale: NDArray[np.float64] | None,
    df: NDArray[np.float64] | None,
) -> NDArray[np.float64] | None:
    if scale is None:
        return None
    if level == 0.5:
        return location
    standard = ndtri(level) if df is None else stdtrit(df, level)
    quantile: NDArray[np.float64] = location + scale * standard
    return quantile


def _direction_columns(name: str, logits: Tensor, label: NDArray[np.int64]) -> Columns:
    probabilities = _numpy(torch.softmax(logits.double(), dim=-1))  # [N, 3]
    columns: Columns = {f"{name}_label": pa.array(label, pa.int8())}
    for position, direction in enumerate(DIRECTIONS):
        columns[f"{name}_p_{direction}"] = pa.array(probabilities[:, position], pa.float64())
    return columns


def _column(values: NDArray[np.float64] | None, count: int) -> pa.Array:
    return pa.nulls(count, pa.float64()) if values is None else pa.array(values, pa.float64())


def _numpy(tensor: Tensor) -> NDArray[np.float64]:
    array: NDArray[np.float64] = tensor.detach().double().cpu().numpy()
    return array


def column_names() -> tuple[str, ...]:
    """The columns of the file, in order."""
    named: list[Any] = ["time", "split", "close", "target", "mean", "scale", "df"]
    named += QUANTILE_COLUMNS
    for name in ("short", "long"):
        named += [f"{name}_label", *(f"{name}_p_{direction}" for direction in DIRECTIONS)]
    return tuple(named)
