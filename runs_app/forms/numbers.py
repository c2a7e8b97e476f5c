"""Whole numbers as they stand in addresses and forms."""

from __future__ import annotations

FITS_ANY_COLUMN = 18
"""Digits of which every number fits the largest integer of both databases."""


def whole_number(text: str, *, digits: int = FITS_ANY_COLUMN) -> int | None:
    """The number from 0 that ``text`` is in at most so many ASCII digits; None for all else."""
    plain = text.isascii() and text.isdigit() and len(text) <= digits
    return int(text) if plain else None
