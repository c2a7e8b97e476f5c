"""Spans of time as the sentences about the queue say them."""

from __future__ import annotations

from datetime import datetime

_UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def lasting(seconds: float) -> str:
    """Seconds in the two largest units: ``45 s``, ``3 min``, ``2 h 5 min``."""
    left = max(round(seconds), 0)
    if left >= 600:
        left -= left % 60  # nobody asks for the seconds of hours
    parts = []
    for unit, length in _UNITS:
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def at_about(moment: datetime, seconds: float) -> str:
    """An estimated instant: ``about 14:05 UTC (in 23 min)``, with the date where it is far."""
    form = "%H:%M" if seconds < 12 * 3600 else "%Y-%m-%d %H:%M"
    if seconds < 5:
        return "now"
    rounded = seconds if seconds < 60 else 60 * round(seconds / 60)
    return f"about {moment.strftime(form)} UTC (in {lasting(rounded)})"
