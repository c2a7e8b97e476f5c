"""Ranges of figures, as people write them: ``val_loss < 1.4, duration > 2h``."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from runs_app.forecasting.config.paths import closest
from runs_app.run_table.columns import FIGURES

OPERATORS = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
UNITS = {
    "": 1.0, "%": 0.01, "bp": 1e-4, "k": 1e3,
    "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0,
    "kb": 1e3, "mb": 1e6, "gb": 1e9,
}  # fmt: skip
"""What may follow a number, and what it is multiplied by. Shares are 0 to 1, returns are logs."""

MAX_LIMITS = 12
MAX_TEXT = 400
LARGEST_WHOLE = 9e18
"""Beyond it a whole number is none for a database."""

_ONE = re.compile(r"([a-z][a-z0-9_]*)\s*(<=|>=|<|>)\s*([+-]?[0-9.]+(?:e[+-]?[0-9]+)?)\s*([a-z%]*)")
_EXAMPLE = "such as val_loss < 1.4 or duration > 2h"


@dataclass(frozen=True)
class Limit:
    """One bound of one figure, in the unit in which it is stored."""

    key: str
    operator: str
    value: float

    @property
    def lookup(self) -> tuple[str, float]:
        """The condition on the run's row; both halves of its name come from this code."""
        return f"{FIGURES[self.key]}__{OPERATORS[self.operator]}", self.value


def read_limits(text: str) -> tuple[tuple[Limit, ...], tuple[str, ...]]:
    """The limits in a text, parted by commas, and what is wrong with the rest, in sentences."""
    limits: list[Limit] = []
    problems: list[str] = []
    if len(text) > MAX_TEXT:
        return (), (f"Limits must have at most {MAX_TEXT} characters.",)
    parts = [part.strip() for part in re.split(r"[,;]|\band\b", text.lower()) if part.strip()]
    for part in parts[:MAX_LIMITS]:
        found = _limit(part)
        if isinstance(found, str):
            problems.append(found)
        else:
            limits.append(found)
    if len(parts) > MAX_LIMITS:
        problems.append(f"At most {MAX_LIMITS} limits are read; the others were left out.")
    return tuple(limits), tuple(problems)


def _limit(part: str) -> Limit | str:
    shown = part if len(part) <= 40 else f"{part[:40]}…"
    read = _ONE.fullmatch(part.replace("−", "-"))
    if read is None:
        return f"“{shown}” is no limit; write a figure, a sign and a number, {_EXAMPLE}."
    key, operator, number, unit = read.groups()
    if key not in FIGURES:
        nearest = closest(key, tuple(FIGURES))
        hint = f"did you mean {nearest}?" if nearest else f"there are: {', '.join(FIGURES)}."
        return f"“{key}” is no figure of the run table; {hint}"
    if unit not in UNITS:
        return f"“{unit}” in “{shown}” is no known unit; there are %, bp, s, min, h, d, MB and GB."
    try:
        value = float(number) * UNITS[unit]
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or abs(value) > LARGEST_WHOLE:
        return f"“{number}” in “{shown}” is no number that a figure could have."
    return Limit(key, operator, value)
