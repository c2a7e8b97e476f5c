"""What was said at some decisions, by the model and its baselines, and what it cost them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.config.timeframes import duration_seconds
from runs_app.forecasting.data.candles import MS
from runs_app.forecasting.decision.documents import (
    Decision,
    Direction,
    Forecaster,
    Inputs,
    Quantile,
)
from runs_app.forecasting.decision.known import Known
from runs_app.forecasting.evaluation import scores
from runs_app.forecasting.evaluation.directions import log_loss
from runs_app.forecasting.evaluation.judged_rows import DIRECTIONS, HORIZONS, JudgedRows
from runs_app.forecasting.evaluation.predictive import Family, FloatArray, Predictive
from runs_app.forecasting.evaluation.report import FAN_LEVELS
from runs_app.forecasting.evaluation.verdict import MODEL, decision_scores, loss_table

SPREAD = 4.0
"""Scales of the model that are drawn finely to each side."""
POINTS = 61
"""Of each of the two grids that a picture is drawn on."""
TAIL, RIVALS_TAIL = 0.005, 0.05
"""What a picture leaves out of the model's distribution at each end, and of a baseline's."""
_BASIS_POINT = 1e-4

Priors = dict[str, tuple[float, float, float]]


def decisions_of(
    config: RunConfig, judged: JudgedRows, chosen: slice, known: Known | None, priors: Priors
) -> tuple[Decision, ...]:
    """The decisions ``chosen`` of the test part ``judged``; ``known`` is of those alone."""
    score = "nll" if judged.model.has_density else decision_scores(judged.model)[0]
    own = loss_table(judged.model, {}, judged.y)[score][MODEL]
    worse = np.empty(len(judged), np.int64)
    worse[np.argsort(-own, kind="stable")] = np.arange(1, len(judged) + 1)
    places = range(*chosen.indices(len(judged)))
    return tuple(
        _decision(config, _only(judged, place), place, known, index, priors, (score, worse[place]))
        for index, place in enumerate(places)
    )


def _only(judged: JudgedRows, place: int) -> JudgedRows:
    """One row of them."""
    row = slice(place, place + 1)
    return replace(
        judged,
        time=judged.time[row],
        close=judged.close[row],
        y=judged.y[row],
        model=judged.model.take(row),
        baselines={key: one.take(row) for key, one in judged.baselines.items()},
        probabilities={key: one[row] for key, one in judged.probabilities.items()},
        label={key: one[row] for key, one in judged.label.items()},
    )


def _decision(
    config: RunConfig,
    row: JudgedRows,
    place: int,
    known: Known | None,
    index: int,
    priors: Priors,
    worst: tuple[str, np.int64],
) -> Decision:
    y, close = float(row.y[0]), float(row.close[0])
    grid = _grid(row)
    levels = FAN_LEVELS if row.model.has_density else row.model.levels
    came = known.came["next"] if known else None
    inputs: Inputs | None = known.inputs[index] if known else None
    rival_levels = row.model.levels
    return Decision(
        at=int(row.time[0]),
        place=place + 1,
        close=close,
        outcome=y,
        outcome_at=int(came.at[index]) if came else None,
        outcome_price=float(came.price[index]) if came else float(close * np.exp(y)),
        grid=tuple(map(float, grid)),
        forecasters=tuple(
            _forecaster(key, one, row.y, grid, rival_levels)
            for key, one in {MODEL: row.model, **row.baselines}.items()
        ),
        quantiles=tuple(_quantile(row.model, level, close) for level in levels),
        probability_up=float(1.0 - scores.cdf(row.model, np.zeros(1))[0])
        if row.model.has_density
        else None,
        directions=tuple(_direction(config, row, name, known, index, priors) for name in HORIZONS),
        loss_score=worst[0],
        loss_rank=int(worst[1]),
        inputs=inputs,
    )


def _forecaster(
    key: str, p: Predictive, y: FloatArray, grid: FloatArray, levels: tuple[float, ...]
) -> Forecaster:
    has_levels = bool(levels) and all(scores.can_quantile(p, level) for level in levels)
    dense = p.has_density
    return Forecaster(
        key=key,
        location=float(p.location[0]),
        scale=None if p.scale is None else float(p.scale[0]),
        df=None if p.df is None else float(p.df[0]),
        nll=float(scores.nll(p, y)[0]) if dense else None,
        crps=float(scores.crps(p, y)[0]) if dense else None,
        pinball=float(scores.pinball(p, y, levels)[0]) if has_levels else None,
        absolute_error=float(scores.absolute_error(p, y)[0]),
        pit=float(scores.cdf(p, y)[0]) if dense else None,
        density=_density(p, grid) if dense else (),
    )


def _density(p: Predictive, grid: FloatArray) -> tuple[float, ...]:
    everywhere = p.take(np.zeros(len(grid), np.int64))
    return _short(np.exp(-scores.nll(everywhere, grid)))


def _grid(row: JudgedRows) -> FloatArray:
    """Log-returns from end to end of a picture, close together where the model's density stands."""
    model, ends = row.model, [row.y, row.model.location]
    if model.has_density:
        ends += [scores.quantile(model, TAIL), scores.quantile(model, 1.0 - TAIL)]
    elif model.family is Family.QUANTILES:
        ends += [scores.quantile(model, level) for level in model.levels]
    for rival in row.baselines.values():
        ends += [scores.quantile(rival, RIVALS_TAIL), scores.quantile(rival, 1.0 - RIVALS_TAIL)]
    low, high = float(min(map(min, ends))), float(max(map(max, ends)))
    margin = 0.05 * (high - low) or _BASIS_POINT
    points = [np.linspace(low - margin, high + margin, POINTS)]
    if model.scale is not None:
        fine = model.location[0] + model.scale[0] * np.linspace(-SPREAD, SPREAD, POINTS)
        points.append(fine[(fine > low) & (fine < high)])
    return np.unique(np.array(_short(np.concatenate(points))))


def _quantile(p: Predictive, level: float, close: float) -> Quantile:
    value = float(scores.quantile(p, level)[0])
    return Quantile(level=level, log_return=value, price=float(close * np.exp(value)))


def _direction(
    config: RunConfig,
    row: JudgedRows,
    name: str,
    known: Known | None,
    index: int,
    priors: Priors,
) -> Direction:
    horizon = str(getattr(config.horizons, name))
    said, label = row.probabilities[name], row.label[name]
    prior = priors.get(name)
    came = known.came[name] if known else None
    return Direction(
        name=name,
        horizon=horizon,
        threshold=float(getattr(config.horizons, f"{name}_threshold_bps")) * _BASIS_POINT,
        probabilities=(float(said[0, 0]), float(said[0, 1]), float(said[0, 2])),
        came=DIRECTIONS[int(label[0])],
        log_loss=float(log_loss(said, label)[0]),
        prior=prior,
        prior_log_loss=None if prior is None else float(log_loss(np.array([prior]), label)[0]),
        until=int(row.time[0]) + duration_seconds(horizon) * MS,
        move=float(np.log(came.price[index] / row.close[0])) if came else None,
    )


def _short(values: FloatArray) -> tuple[float, ...]:
    """Six digits, which no picture needs more than."""
    return tuple(float(f"{value:.6g}") for value in values)
