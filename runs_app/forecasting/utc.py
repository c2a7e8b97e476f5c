"""Milliseconds since 1970, in which candles count, as instants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(milliseconds: float) -> datetime:
    """Milliseconds since 1970 as a UTC instant, exact for whole ones. Raises ``OverflowError``."""
    return EPOCH + timedelta(milliseconds=int(milliseconds))
