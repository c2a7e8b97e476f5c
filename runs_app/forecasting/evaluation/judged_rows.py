"""``predictions.parquet`` read back: what was said about each decision, by everybody, as scored.

Writing it is ``training/predictions``; both share the names here. No torch and no SciPy, so that
the web side can look up which decisions there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import ValidationError

from runs_app.forecasting.evaluation.documents import BASELINES, Record
from runs_app.forecasting.evaluation.predictive import (
    QUANTILE_LEVELS,
    Family,
    FloatArray,
    Predictive,
)

Int64Array = npt.NDArray[np.int64]

QUANTILE_COLUMNS = tuple(f"q{level:g}" for level in QUANTILE_LEVELS)
DIRECTIONS = ("down", "flat", "up")
HORIZONS = ("short", "long")
BASELINE_COLUMNS: dict[str, tuple[str, ...]] = {
    "random_walk": ("location", "scale"),
    "constant": ("location", "scale", "df", "mean"),
    "ewma": ("location", "scale", "df"),
    "garch": ("location", "scale", "df"),
}
"""Fields of each baseline's ``Predictive`` that are columns, named ``{baseline}_{field}``."""

METADATA_KEY = b"aistempre"


class FedWith(Record):
    """What turned candles into the inputs of these forecasts, in the file's metadata."""

    scalers: tuple[dict[str, Any], ...]
    """As ``Scaler.as_dict`` writes them, from the shortest timeframe on."""
    volatility_floor: float
    target_scale: float
    """Log-return of one standardised unit."""


@dataclass(frozen=True)
class JudgedRows:
    """N decisions of one part in order of time.

    ``time`` [N]: ms UTC. ``y`` [N]: the log-return that came. ``baselines``: by key of
    ``BASELINES``, empty in a file of an older version. ``probabilities`` [N, 3] and ``label`` [N]
    by ``HORIZONS``. ``fed``: None in a file of an older version.
    """

    time: Int64Array
    close: FloatArray
    y: FloatArray
    model: Predictive
    baselines: Mapping[str, Predictive]
    probabilities: Mapping[str, FloatArray]
    label: Mapping[str, Int64Array]
    fed: FedWith | None

    def __len__(self) -> int:
        return len(self.time)


def column_names() -> tuple[str, ...]:
    """The columns of the file, in order."""
    named = ["time", "split", "close", "target", "mean", "scale", "df", *QUANTILE_COLUMNS]
    for name in HORIZONS:
        named += [f"{name}_label", *(f"{name}_p_{direction}" for direction in DIRECTIONS)]
    named += [f"{key}_{field}" for key, fields in BASELINE_COLUMNS.items() for field in fields]
    return tuple(named)


def decision_times(source: Any, *, split: str) -> Int64Array:
    """When the decisions of one part are made [N], ms UTC; two columns are read.

    ``source``: a path or an open file. Raises ``pa.ArrowException``, ``OSError`` and ``KeyError``
    where it is no such file.
    """
    return _times(_rows(pq.ParquetFile(source), split, ["time"]))


def read_judged(source: Any, *, split: str) -> JudgedRows:
    """All that is known of one part. Raises as ``decision_times`` does."""
    file = pq.ParquetFile(source)
    known = set(file.schema_arrow.names)
    table = _rows(file, split, [name for name in column_names() if name in known])
    return JudgedRows(
        time=_times(table),
        close=_column(table, "close"),
        y=_column(table, "target"),
        model=_model(table),
        baselines={
            key: _baseline(table, key)
            for key in BASELINES
            if all(f"{key}_{field}" in known for field in BASELINE_COLUMNS[key])
        },
        probabilities={
            name: np.stack([_column(table, f"{name}_p_{way}") for way in DIRECTIONS], axis=1)
            for name in HORIZONS
        },
        label={name: _column(table, f"{name}_label").astype(np.int64) for name in HORIZONS},
        fed=_fed(file.schema_arrow.metadata or {}),
    )


def _rows(file: pq.ParquetFile, split: str, columns: list[str]) -> pa.Table:
    table = file.read(columns=[*columns, *(["split"] if "split" not in columns else [])])
    return table.filter(pc.equal(table["split"], split))


def _times(table: pa.Table) -> Int64Array:
    milliseconds = table["time"].cast(pa.timestamp("ms", "UTC")).cast(pa.int64())
    times: Int64Array = milliseconds.to_numpy()
    return times


def _column(table: pa.Table, name: str) -> FloatArray:
    return np.asarray(table[name].to_numpy(), dtype=np.float64)


def _model(table: pa.Table) -> Predictive:
    """The family is told by which columns hold something."""
    held = {name for name in table.column_names if table[name].null_count == 0}
    if "df" in held:
        family = Family.STUDENT_T
    elif "scale" in held:
        family = Family.GAUSSIAN
    elif QUANTILE_COLUMNS[0] in held:
        family = Family.QUANTILES
    else:
        family = Family.POINT
    is_quantiles = family is Family.QUANTILES
    return Predictive(
        family,
        location=_column(table, "q0.5" if is_quantiles else "mean"),
        scale=_column(table, "scale") if "scale" in held else None,
        df=_column(table, "df") if "df" in held else None,
        quantiles=np.stack([_column(table, name) for name in QUANTILE_COLUMNS], axis=1)
        if is_quantiles
        else None,
        levels=QUANTILE_LEVELS if is_quantiles else (),
    )


def _baseline(table: pa.Table, key: str) -> Predictive:
    known = {field: _column(table, f"{key}_{field}") for field in BASELINE_COLUMNS[key]}
    return Predictive(
        Family.STUDENT_T if "df" in known else Family.GAUSSIAN,
        location=known["location"],
        scale=known["scale"],
        df=known.get("df"),
        mean=known.get("mean"),
    )


def _fed(metadata: Mapping[bytes, bytes]) -> FedWith | None:
    try:
        return FedWith.model_validate_json(metadata[METADATA_KEY])
    except (KeyError, ValidationError):
        return None
