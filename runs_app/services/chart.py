"""The candle chart of a data set: a window of its candles, from levels that are made once."""

from __future__ import annotations

import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

from django.conf import settings

from runs_app.errors import ChartMissing
from runs_app.execution.core_process import Command, CoreFailed, ask_core
from runs_app.forecasting.data.chart_levels import CHART_DIR, ChartFiles, Window
from runs_app.models import DataSet

MODULE = "runs_app.forecasting.data.chart"
MEMORY_BYTES = 4 * 1024**3
SECONDS = 120.0

_making: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


def candle_window(row: DataSet, window: Window) -> dict[str, Any]:
    """The sticks of a window; the first question makes the chart and takes seconds.

    Raises ``ChartMissing`` with a sentence where the data set has no candles.
    """
    if row.is_pending or not row.candles_sha256 or not row.store_key:
        raise ChartMissing("There are no candles to draw; the report says why.")
    folder = Path(settings.DATASETS_ROOT) / row.store_key
    with _making[row.store_key]:
        if not (folder / CHART_DIR).is_dir():
            _make(folder)
    try:
        return ChartFiles(folder / CHART_DIR).window(window)
    except (OSError, ValueError) as error:
        raise ChartMissing(f"The chart cannot be read: {error}") from error


def _make(folder: Path) -> None:
    try:
        ask_core(Command(MODULE, (str(folder),), SECONDS, MEMORY_BYTES))
    except CoreFailed as failed:
        raise ChartMissing(f"The chart could not be made: {failed}") from failed
