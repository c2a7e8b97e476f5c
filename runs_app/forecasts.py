"""The predictions of a run: what was asked for, what came out, read for page and JSON alike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from runs_app.choices import JobKind
from runs_app.errors import ArtifactNotFound, PredictionNotFound
from runs_app.forecasting.utc import instant
from runs_app.models import Job, TrainingRun

MAX_SHOWN = 200
"""Decisions in the page's table, newest first; the file has them all."""


@dataclass(frozen=True)
class ForecastRow:
    """One decision; prices as in the candles, returns as log-returns, probabilities from 0 to 1."""

    time: datetime
    target_time: datetime
    close: float
    location: float
    scale: float | None
    df: float | None
    probability_up: float | None
    quantiles: dict[str, float]
    prices: dict[str, float]
    short: dict[str, float]
    long: dict[str, float]


def predictions_of(run: TrainingRun) -> list[Job]:
    """The run's predictions, newest first."""
    return list(run.jobs.filter(kind=JobKind.PREDICTION))


def newest_export(run: TrainingRun) -> Job | None:
    """The newest export of the run's model, however far it is."""
    return run.jobs.filter(kind=JobKind.EXPORT).first()


def find_prediction(run: TrainingRun, uid: str) -> Job:
    """One prediction of the run. Raises ``PredictionNotFound``."""
    job = run.jobs.filter(kind=JobKind.PREDICTION, uid=uid).first()
    if job is None:
        raise PredictionNotFound(f"Run {run.uid} has no prediction of this id.")
    return job


def read_rows(table: pa.Table) -> list[ForecastRow]:
    """The rows of a prediction's table, oldest first."""
    # As numbers: to make a time of it pyarrow loads pandas, 45 MB that the process keeps.
    for name in ("time", "target_time"):
        numbers = table[name].cast(pa.timestamp("ms", "UTC")).cast(pa.int64())
        table = table.set_column(table.schema.get_field_index(name), name, numbers)
    return [_row(values) for values in table.to_pylist()]


def read_table(source: Any) -> pa.Table:
    """The table of an open Parquet file. Raises ``ArtifactNotFound`` where it is damaged."""
    try:
        return pq.ParquetFile(source).read()  # pq.read_table loads pandas
    except (pa.ArrowInvalid, OSError) as error:
        raise ArtifactNotFound("The file of this prediction cannot be read.") from error


def _row(values: dict[str, Any]) -> ForecastRow:
    return ForecastRow(
        time=instant(values["time"]),
        target_time=instant(values["target_time"]),
        close=values["close"],
        location=values["location"],
        scale=values["scale"],
        df=values["df"],
        probability_up=values["probability_up"],
        quantiles=_known(values, "q"),
        prices=_known(values, "price_q"),
        short=_known(values, "short_p_"),
        long=_known(values, "long_p_"),
    )


def _known(values: dict[str, Any], prefix: str) -> dict[str, float]:
    """What the columns of this prefix hold, by the rest of their names; absent ones left out."""
    return {
        name.removeprefix(prefix): value
        for name, value in values.items()
        if name.startswith(prefix) and value is not None and math.isfinite(value)
    }
