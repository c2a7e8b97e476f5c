"""The newest candles in, a calibrated distribution out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from runs_app.forecasting.config.timeframes import duration_seconds
from runs_app.forecasting.data.candles import Candles
from runs_app.forecasting.data.faults import utc_text
from runs_app.forecasting.evaluation.predictive import Predictive
from runs_app.forecasting.evaluation.scores import can_quantile, cdf, quantile
from runs_app.forecasting.prediction.chart import chart_of
from runs_app.forecasting.prediction.inputs import (
    MAX_DECISIONS,
    DecisionInputs,
    closed_candles,
    decision_inputs,
)
from runs_app.forecasting.prediction.model import TrainedModel
from runs_app.forecasting.whole_file import draft_of

FloatArray = npt.NDArray[np.float64]

LEVELS: tuple[float, ...] = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
"""Quantiles of the table; a quantile head has only those it was trained on."""

DIRECTIONS = ("down", "flat", "up")
_BATCH = 1024


@dataclass(frozen=True)
class Prediction:
    """``table``: one row a decision, oldest first. ``chart``: the last candles with the forecasts.

    ``notes``: what was left out and why, what to know before using it; sentences.
    """

    table: pa.Table
    chart: dict[str, Any]
    notes: tuple[str, ...]


def predict(
    model: TrainedModel,
    candles: Candles,
    *,
    last: int,
    now: datetime,
    written_at: datetime | None = None,
) -> Prediction:
    """Forecasts of the ``last`` newest decisions whose bars had closed at ``now``.

    ``written_at``: when the file was last changed, where there is one. Raises ``DataInvalid``, and
    ``ValueError`` where ``last`` is not from 1 to ``MAX_DECISIONS``.
    """
    if not 1 <= last <= MAX_DECISIONS:
        raise ValueError(f"last must be from 1 to {MAX_DECISIONS:,}")
    closed, notes = closed_candles(candles, now=now, written_at=written_at)
    inputs = decision_inputs(model, closed, last=last)
    forecast, short, long = _forecast(model, inputs)
    table = _table(inputs, forecast, short, long)
    horizon = int(inputs.target_time[0] - inputs.decision_time[0])
    chart = chart_of(table, inputs.recent, horizon)
    return Prediction(table, chart, (*notes, *inputs.notes, *_cautions(model, inputs, now)))


def write_prediction(path: Path, prediction: Prediction) -> str:
    """Write the table as Parquet, whole or not at all; returns its SHA-256."""
    temporary = draft_of(path)
    try:
        pq.write_table(prediction.table, temporary, compression="zstd")
        digest = hashlib.sha256(temporary.read_bytes()).hexdigest()
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return digest


def _forecast(
    model: TrainedModel, inputs: DecisionInputs
) -> tuple[Predictive, FloatArray, FloatArray]:
    """The calibrated distribution, and the probabilities [N, 3] of both directions."""
    log_volatility = (inputs.volatility / model.target_scale).log()
    context, parts = model.config.model.context_bars, []
    with torch.inference_mode():
        for rows in torch.split(torch.arange(len(inputs)), _BATCH):
            windows = inputs.windows(rows, context)
            parts.append(model.network(windows, log_volatility[rows]))
    return model.judge(parts)


def _table(
    inputs: DecisionInputs, forecast: Predictive, short: FloatArray, long: FloatArray
) -> pa.Table:
    columns: dict[str, pa.Array] = {
        "time": pa.array(inputs.decision_time, pa.timestamp("ms", tz="UTC")),
        "target_time": pa.array(inputs.target_time, pa.timestamp("ms", tz="UTC")),
        "close": pa.array(inputs.close, pa.float64()),
        "location": pa.array(forecast.location, pa.float64()),
        "scale": pa.array(forecast.scale, pa.float64())
        if forecast.scale is not None
        else _no(inputs),
        "df": pa.array(forecast.df, pa.float64()) if forecast.df is not None else _no(inputs),
        "probability_up": _up(forecast, inputs),
    }
    for level in LEVELS:
        known = can_quantile(forecast, level)
        returns = quantile(forecast, level) if known else None
        name = f"q{level:g}"
        columns[name] = _no(inputs) if returns is None else pa.array(returns, pa.float64())
        columns[f"price_{name}"] = (
            _no(inputs) if returns is None else pa.array(inputs.close * np.exp(returns))
        )
    for horizon, probabilities in (("short", short), ("long", long)):
        for position, direction in enumerate(DIRECTIONS):
            columns[f"{horizon}_p_{direction}"] = pa.array(probabilities[:, position])
    return pa.table(columns)


def _up(forecast: Predictive, inputs: DecisionInputs) -> pa.Array:
    if not forecast.has_density:
        return _no(inputs)
    return pa.array(1.0 - cdf(forecast, np.zeros(len(inputs))), pa.float64())


def _no(inputs: DecisionInputs) -> pa.Array:
    return pa.nulls(len(inputs), pa.float64())


def _ago(seconds: float) -> str:
    """A length of time for a sentence, in the largest unit that fits twice."""
    for name, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {name}"
    return f"{seconds:,.0f} seconds"


def _cautions(model: TrainedModel, inputs: DecisionInputs, now: datetime) -> tuple[str, ...]:
    cautions = []
    if model.calibration is None:
        cautions.append("the model was not calibrated: its run was stopped before it was judged")
    bar = duration_seconds(model.config.data.decision_timeframe)
    newest = int(inputs.decision_time[-1])
    age = now.timestamp() - newest / 1000
    if age > 2 * bar:
        cautions.append(
            f"the newest closed bar of {model.config.data.decision_timeframe} ended at "
            f"{utc_text(newest)}, {_ago(age)} ago: its target time may be past"
        )
    return tuple(cautions)
