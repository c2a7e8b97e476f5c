"""Points of one metric as columns, and how they are thinned so that no spike is lost."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runs_app.choices import EventKind

POINT = np.dtype([("step", "<i8"), ("at", "<f8"), ("value", "<f8")])
"""Optimizer step (0 for a reading of the machine), milliseconds since 1970 in UTC, value."""

Columns = NDArray[np.void]
"""An array of POINT in the order of the log."""

CURVE_EVENTS = (EventKind.METRICS, EventKind.SYSTEM)
"""Kinds of event that hold points."""

WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""As events spell what JSON has no number for."""

_NO_METRIC = frozenset({"step", "epoch", "attempt", "baselines", "gpu_memory_total_mb"})
_NO_METRIC_OF_MACHINE = _NO_METRIC | {"ram_total_mb", "disk_total_mb"}


def word_of(value: float) -> float | str:
    """The value as JSON can hold it."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def nothing() -> Columns:
    """No points."""
    return np.empty(0, POINT)


def milliseconds(moment: datetime) -> float:
    """Since 1970 in UTC."""
    return moment.timestamp() * 1000


def figures(kind: str, payload: Mapping[str, Any]) -> tuple[int, dict[str, float]] | None:
    """Step and values of an event's points; None where it has none.

    An event of a validation repeats figures of its last step, so that only its own count.
    """
    if kind == EventKind.SYSTEM:
        return 0, _numbers(payload, _NO_METRIC_OF_MACHINE)
    step = payload.get("step")
    if kind != EventKind.METRICS or not isinstance(step, int):
        return None
    found = _numbers(payload, _NO_METRIC)
    if "val_loss" in payload:
        found = {name: value for name, value in found.items() if name.startswith("val_")}
    return step, found


def _numbers(payload: Mapping[str, Any], left_out: frozenset[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in payload.items():
        if name in left_out:
            continue
        if type(value) is float or type(value) is int:
            found[name] = value
        elif type(value) is str and value in WORDS:
            found[name] = WORDS[value]
    return found


def thin(points: Columns, limit: int, *, by: str = "") -> Columns:
    """At most about ``limit`` of the points: the lowest and the highest of each bucket, in order.

    Buckets hold equally many points; with ``by``, a field of POINT, they are equally wide in it, as
    the pixels of a chart are, so that it does not matter how finely each part was read. The first
    and the last always stay, and so does the first value of a bucket that is not finite.
    Fewer points than the limit are returned as they are.
    """
    size = len(points)
    if size <= max(limit, 4):
        return points
    values = points["value"]
    wrong = ~np.isfinite(values)
    buckets = max(limit // (3 if wrong.any() else 2) - 1, 1)
    if by:
        places = np.linspace(points[by][0], points[by][-1], buckets + 1)[1:-1]
        inner = np.searchsorted(points[by], places)
        edges = np.unique(np.concatenate(([0], inner, [size]))).astype(np.intp)
    else:
        edges = np.unique(np.linspace(0, size, buckets + 1).astype(np.intp))
    starts = edges[:-1]
    owner = np.repeat(np.arange(len(starts)), np.diff(edges))
    keep = np.zeros(size, np.bool_)
    keep[[0, -1]] = True
    for extreme, worst in ((np.minimum, np.inf), (np.maximum, -np.inf)):
        filled = np.where(wrong, worst, values)
        best = extreme.reduceat(filled, starts)
        hits = np.flatnonzero((filled == best[owner]) & ~wrong)
        keep[hits[np.unique(owner[hits], return_index=True)[1]]] = True
    odd = np.flatnonzero(wrong)
    keep[odd[np.unique(owner[odd], return_index=True)[1]]] = True
    return points[keep]


def means(points: Columns, limit: int) -> Columns:
    """At most ``limit`` means of equally many neighbours, each at the place of the middle one.

    What is not finite is left out of a mean; where nothing else is there, the mean is NaN.
    """
    size = len(points)
    edges = np.unique(np.linspace(0, size, max(limit, 1) + 1).astype(np.intp))
    starts = edges[:-1]
    if not size:
        return nothing()
    known = np.isfinite(points["value"])
    sums = np.add.reduceat(np.where(known, points["value"], 0.0), starts)
    counts = np.add.reduceat(known.astype(np.intp), starts)
    middle: Columns = points[(starts + edges[1:]) // 2]
    middle["value"] = np.divide(sums, counts, out=np.full(len(starts), np.nan), where=counts > 0)
    return middle


def packed(points: Columns) -> bytes:
    """The points as bytes, column after column, which is what compresses well."""
    columns = b"".join(np.ascontiguousarray(points[name]).tobytes() for name in POINT.names or ())
    return zlib.compress(columns, 1)


def unpacked(data: bytes | memoryview) -> Columns:
    """The points of ``packed``."""
    columns = zlib.decompress(data)
    size = len(columns) // POINT.itemsize
    points = np.empty(size, POINT)
    for place, name in enumerate(POINT.names or ()):
        points[name] = np.frombuffer(columns, POINT[name], size, place * 8 * size)
    return points
