"""Lengths of time as people write them."""

from __future__ import annotations

_UNITS = (("w", 604_800), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))


def timeframe_name(seconds: int) -> str:
    """``4h`` for 14,400; the largest unit that divides it."""
    unit, length = next((u, n) for u, n in _UNITS if seconds % n == 0)
    return f"{seconds // length}{unit}"
