"""Names and lengths of timeframes and durations. Everything is UTC and counted in seconds."""

from __future__ import annotations

import re

_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"([0-9]{1,6})([mhdw])")

TIMEFRAMES: tuple[str, ...] = ("1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w")

WEEK_ANCHOR_SECONDS = 4 * 86_400
"""1970-01-05 00:00 UTC, a Monday: weekly bars open on Mondays."""


def duration_seconds(text: str) -> int:
    """Seconds of a duration such as ``30m``, ``4h``, ``1d`` or ``1w``.

    Raises ``ValueError`` with a sentence when the text is no such duration.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{text!r} is not a duration; write a number and m, h, d or w, such as 30m"
        )
    return int(match[1]) * _UNIT_SECONDS[match[2]]
