"""Names of candle files. Imports nothing, so that the web side may know them."""

from __future__ import annotations

SUFFIXES: tuple[str, ...] = (
    ".csv", ".csv.gz", ".txt", ".txt.gz", ".zip", ".json", ".json.gz", ".parquet", ".feather",
)  # fmt: skip
"""Endings of candle files, lower case."""


def suffix_of(name: str) -> str | None:
    """The ending that makes ``name`` a candle file, the longest first, or None."""
    lower = name.lower()
    matching = [suffix for suffix in SUFFIXES if lower.endswith(suffix) and lower != suffix]
    return max(matching, key=len, default=None)


FILE_NAME = "synthetic_garch_1m.csv"
"""The synthetic sample; a file of this name is always shown as synthetic."""
