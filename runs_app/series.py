"""What curves and figures are made of: the event that begins a stretch, numbers out of JSON, and
points thinned so that no spike is lost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar

from runs_app.choices import EventKind

MOST_CURVES = 20
"""Runs that are compared in one chart: as many curves an eye can tell apart."""

MAX_ABANDONED = 8
"""Abandoned pieces that a chart shows, the newest."""

CURVE_KINDS = (EventKind.METRICS, EventKind.STATUS)
"""Kinds of event that the curves of training are made of."""

BACK_TO_STEP = "back_to_step"
"""In a status event: the fit goes on after this step, so that later points are superseded."""

Point = TypeVar("Point", bound=Sequence[Any])


def finite(value: Any) -> float | None:
    """The value as a float, or None where it is missing or not finite (also as a JSON word)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


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
