"""What curves and figures are made of: the event that begins a stretch, and numbers out of JSON."""

from __future__ import annotations

import math
from typing import Any

from runs_app.choices import EventKind

MOST_CURVES = 20
"""Runs that are compared in one chart: as many curves an eye can tell apart."""

MAX_ABANDONED = 8
"""Abandoned pieces that a chart shows, the newest."""

CURVE_KINDS = (EventKind.METRICS, EventKind.STATUS)
"""Kinds of event that the curves of training are made of."""

BACK_TO_STEP = "back_to_step"
"""In a status event: the fit goes on after this step, so that later points are superseded."""


def finite(value: Any) -> float | None:
    """The value as a float, or None where it is missing or not finite (also as a JSON word)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None
