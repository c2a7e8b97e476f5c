"""The curves of a run: points read from its events, thinned so that no spike is lost."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from runs_app.choices import EventKind

MAX_POINTS = 2000
"""Points of one curve that a page receives; about one per pixel of a wide screen."""

MOST_CURVES = 20
"""Runs that are compared in one chart: as many curves an eye can tell apart."""

EPOCH_KEYS = ("val_loss", "val_da", "val_nll", "val_crps", "val_pinball", "val_rmse")
"""What one validation contributes to the charts, in the order of ``Points.epochs``."""

CURVE_KINDS = (EventKind.METRICS, EventKind.STATUS)
"""Kinds of event that the curves are made of."""

BACK_TO_STEP = "back_to_step"
"""In a status event: the fit goes on after this step, so that later points are superseded."""

StepPoint = tuple[int, float | None]
EpochPoint = tuple[int | float | None, ...]
Point = TypeVar("Point", bound=Sequence[Any])


@dataclass(frozen=True)
class Points:
    """Chart points, oldest first; None is a value that is not finite or does not exist."""

    steps: list[StepPoint] = field(default_factory=list)
    """(step, training loss)"""
    epochs: list[EpochPoint] = field(default_factory=list)
    """(step, epoch, then the values of EPOCH_KEYS)"""
    baselines: dict[str, dict[str, float | None]] = field(default_factory=dict)
    """By baseline and score: what to beat on the validation part, the same in every epoch."""
    total: int = 0
    """Points before thinning."""
    back_to_step: int | None = None
    """Points of later steps that were known before these are superseded."""

    @property
    def is_empty(self) -> bool:
        """True where there is nothing to draw."""
        return not (self.total or self.baselines) and self.back_to_step is None

    def as_dict(self) -> dict[str, Any]:
        """The points as plain JSON values for ``static/js/charts.js``."""
        return {
            "steps": self.steps,
            "epochs": self.epochs,
            "baselines": self.baselines,
            "total": self.total,
            "back_to_step": self.back_to_step,
        }


def finite(value: Any) -> float | None:
    """The value as a float, or None where it is missing or not finite (also as a JSON word)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def read_points(payloads: Iterable[dict[str, Any]], *, limit: int = MAX_POINTS) -> Points:
    """The points in the payloads of a run's events, each curve thinned to ``limit``.

    Where the fit went back, to a checkpoint or to its beginning, what it did after that step is
    left out: it was done again.
    """
    back_to: int | None = None
    steps: list[StepPoint] = []
    epochs: list[EpochPoint] = []
    baselines: dict[str, dict[str, float | None]] = {}
    for data in payloads:
        for name, scores in data.get("baselines", {}).items():
            baselines[name] = {key: finite(value) for key, value in scores.items()}
        if BACK_TO_STEP in data:
            back_to = min(data[BACK_TO_STEP], data[BACK_TO_STEP] if back_to is None else back_to)
            steps = [point for point in steps if point[0] <= data[BACK_TO_STEP]]
            epochs = [point for point in epochs if point[0] <= data[BACK_TO_STEP]]
        step = data.get("step")
        if not isinstance(step, int):
            continue
        if "val_loss" in data:
            values = (finite(data.get(key)) for key in EPOCH_KEYS)
            epochs.append((step, data.get("epoch"), *values))
        if "train_loss" in data and "val_loss" not in data:
            steps.append((step, finite(data["train_loss"])))
    total = len(steps) + len(epochs)
    return Points(thin(steps, limit), thin(epochs, limit, column=2), baselines, total, back_to)


def thin(points: list[Point], limit: int, *, column: int = 1) -> list[Point]:
    """At most ``limit`` of the points: the lowest and the highest of each of limit/2 buckets.

    ``column`` is the value that decides. The first and the last point always stay, and no extreme
    value is lost. Fewer points than the limit are returned as they are.
    """
    if len(points) <= limit:
        return points
    buckets = max(limit // 2 - 1, 1)
    inner = points[1:-1]
    kept = [points[0]]
    for number in range(buckets):
        bucket = inner[len(inner) * number // buckets : len(inner) * (number + 1) // buckets]
        known = [i for i, point in enumerate(bucket) if point[column] is not None]
        if not known:
            kept.extend(bucket[:1])
            continue
        lowest = min(known, key=lambda i: bucket[i][column])
        highest = max(known, key=lambda i: bucket[i][column])
        kept.extend(bucket[i] for i in sorted({lowest, highest}))
    kept.append(points[-1])
    return kept
