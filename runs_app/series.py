"""The curves of a run: points read from its events, thinned so that no spike is lost."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from runs_app.choices import EventKind

MAX_POINTS = 2000
"""Points of one curve that a page receives; about one per pixel of a wide screen."""

MAX_ABANDONED = 8
"""Abandoned pieces that a page receives, the newest."""
MOST_CURVES = 20
"""Runs that are compared in one chart: as many curves an eye can tell apart."""

EPOCH_KEYS = ("val_loss", "val_da", "val_nll", "val_crps", "val_pinball", "val_rmse")
"""What one validation contributes to the charts, in the order of ``Points.epochs``."""

CURVE_KINDS = (EventKind.METRICS, EventKind.STATUS)
"""Kinds of event that the curves are made of."""

BACK_TO_STEP = "back_to_step"
"""In a status event: the fit goes on after this step, so that later points are superseded."""

Value = float | str | None
"""A number; a word (NaN, Infinity, -Infinity) where it is not finite; None where there is none."""

StepPoint = tuple[int, Value, int]
EpochPoint = tuple[int | Value, ...]
Point = TypeVar("Point", bound=Sequence[Any])


@dataclass(frozen=True)
class Piece:
    """Points that an attempt left behind when the fit went back to an earlier step."""

    attempt: int
    steps: list[StepPoint]
    epochs: list[EpochPoint]

    def as_dict(self, limit: int = MAX_POINTS) -> dict[str, Any]:
        """The piece as plain JSON values, thinned."""
        return {
            "attempt": self.attempt,
            "steps": thin(self.steps, limit),
            "epochs": thin(self.epochs, limit, column=2),
        }


@dataclass(frozen=True)
class Points:
    """Chart points, oldest first, each with the attempt that made it."""

    steps: list[StepPoint] = field(default_factory=list)
    """(step, training loss, attempt)"""
    epochs: list[EpochPoint] = field(default_factory=list)
    """(step, epoch, then the values of EPOCH_KEYS, attempt)"""
    baselines: dict[str, dict[str, float | None]] = field(default_factory=dict)
    """By baseline and score: what to beat on the validation part, the same in every epoch."""
    total: int = 0
    """Points before thinning."""
    back_to_step: int | None = None
    """Points of later steps that were known before these are superseded."""
    abandoned: list[Piece] = field(default_factory=list)
    """What was superseded among these points, oldest first."""

    @property
    def is_empty(self) -> bool:
        """True where there is nothing to draw."""
        return not (self.total or self.baselines) and self.back_to_step is None

    def as_dict(self) -> dict[str, Any]:
        """The points as plain JSON values for ``static/js/charts.js``."""
        pieces = self.abandoned[-MAX_ABANDONED:]
        return {
            "steps": self.steps,
            "epochs": self.epochs,
            "baselines": self.baselines,
            "total": self.total,
            "back_to_step": self.back_to_step,
            "abandoned": [piece.as_dict(MAX_POINTS // MAX_ABANDONED) for piece in pieces],
        }


def finite(value: Any) -> float | None:
    """The value as a float, or None where it is missing or not finite (also as a JSON word)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def drawn(value: Any) -> Value:
    """The value as JSON can hold it; a number that is not finite stays one, as a word."""
    if isinstance(value, str):
        return value if value in {"NaN", "Infinity", "-Infinity"} else None
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return finite(value)


def read_points(events: Iterable[tuple[int, dict[str, Any]]], *, limit: int = MAX_POINTS) -> Points:
    """The points in a run's events, as (attempt, payload), each curve thinned to ``limit``.

    Where the fit went back, to a checkpoint or to its beginning, what it did after that step is
    done again: it is set apart.
    """
    back_to: int | None = None
    steps: list[StepPoint] = []
    epochs: list[EpochPoint] = []
    baselines: dict[str, dict[str, float | None]] = {}
    abandoned: list[Piece] = []
    for attempt, data in events:
        for name, scores in data.get("baselines", {}).items():
            baselines[name] = {key: finite(value) for key, value in scores.items()}
        if BACK_TO_STEP in data:
            back = data[BACK_TO_STEP]
            back_to = back if back_to is None else min(back, back_to)
            abandoned += _pieces(steps, epochs, back)
            steps = [point for point in steps if point[0] <= back]
            epochs = [point for point in epochs if _step(point) <= back]
        step = data.get("step")
        if not isinstance(step, int):
            continue
        if "val_loss" in data:
            values = (drawn(data.get(key)) for key in EPOCH_KEYS)
            epochs.append((step, data.get("epoch"), *values, attempt))
        if "train_loss" in data and "val_loss" not in data:
            steps.append((step, drawn(data["train_loss"]), attempt))
    total = len(steps) + len(epochs)
    thinned = thin(steps, limit), thin(epochs, limit, column=2)
    return Points(*thinned, baselines, total, back_to, abandoned[-MAX_ABANDONED:])


def _pieces(steps: list[StepPoint], epochs: list[EpochPoint], back: int) -> list[Piece]:
    """What lies after a step, by the attempt that made it."""
    late_steps = [point for point in steps if point[0] > back]
    late_epochs = [point for point in epochs if _step(point) > back]
    attempts = sorted({int(str(point[-1])) for point in (*late_steps, *late_epochs)})
    return [
        Piece(
            attempt,
            [point for point in late_steps if point[-1] == attempt],
            [point for point in late_epochs if point[-1] == attempt],
        )
        for attempt in attempts
    ]


def _step(point: EpochPoint) -> int:
    step = point[0]
    return step if isinstance(step, int) else 0


def thin(points: list[Point], limit: int, *, column: int = 1) -> list[Point]:
    """At most ``limit`` of the points: the lowest and the highest of each bucket.

    ``column`` is the value that decides. The first and the last point always stay, and no extreme
    value is lost, nor is a value that is not finite where one lies alone among finite ones. Fewer
    points than the limit are returned as they are.
    """
    if len(points) <= limit:
        return points
    words = any(isinstance(point[column], str) for point in points)
    buckets = max(limit // (3 if words else 2) - 1, 1)
    inner = points[1:-1]
    kept = [points[0]]
    for number in range(buckets):
        start, end = len(inner) * number // buckets, len(inner) * (number + 1) // buckets
        kept.extend(_of_bucket(inner[start:end], column))
    kept.append(points[-1])
    return kept


def _of_bucket(bucket: list[Point], column: int) -> list[Point]:
    known = [i for i, point in enumerate(bucket) if isinstance(point[column], (int, float))]
    words = [i for i, point in enumerate(bucket) if isinstance(point[column], str)][:1]
    if not known:
        return [bucket[i] for i in words] or bucket[:1]
    lowest = min(known, key=lambda i: bucket[i][column])
    highest = max(known, key=lambda i: bucket[i][column])
    return [bucket[i] for i in sorted({lowest, highest, *words})]
