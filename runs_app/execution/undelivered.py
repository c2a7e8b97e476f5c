"""Why a notification did not arrive."""

from __future__ import annotations


class Undelivered(Exception):
    """``str(error)`` is a sentence for the operator."""
