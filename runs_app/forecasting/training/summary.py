"""``metrics.json``: what a fit reached, as strict JSON."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from runs_app.forecasting.whole_file import write_whole

if TYPE_CHECKING:
    from pathlib import Path


def write_summary(path: Path, summary: dict[str, Any]) -> None:
    """Write ``summary``; the file appears whole or not at all.

    JSON has no NaN and no infinity: they become ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``.
    """
    write_whole(path, json.dumps(_strict(summary), indent=2, allow_nan=False) + "\n")


def _strict(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
