"""How fast the candle chart answers over 2.6 million one-minute bars.

A chart is made of synthetic candles as the worker makes it, in a process of its own; then windows
of every width are asked for at random places, as a person who pans and zooms does, on 1,400 pixels.
Timed up to the JSON text that the browser gets.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from launcher.figures import Figure
from runs_app.forecasting.data.canonical import write_canonical
from runs_app.forecasting.data.chart_levels import CHART_DIR, ChartFiles, Window
from runs_app.forecasting.data.imports import CANDLES_FILE
from runs_app.forecasting.data.sample import sample_candles

BARS = 2_600_000
PIXELS = 1400
QUESTIONS = 200
BUDGET_MS = 150.0


def measure() -> list[Figure]:
    """Seconds to make the chart once, and milliseconds of an answer."""
    with tempfile.TemporaryDirectory() as base:
        folder = Path(base)
        write_canonical(folder / CANDLES_FILE, sample_candles(BARS))
        began = time.perf_counter()
        command = [sys.executable, "-m", "runs_app.forecasting.data.chart", str(folder)]
        subprocess.run(command, check=True, capture_output=True)
        made = time.perf_counter() - began
        size = sum(path.stat().st_size for path in (folder / CHART_DIR).iterdir())
        before = psutil.Process().memory_info().rss
        whole, zoomed = _answers(folder / CHART_DIR)
        grown = psutil.Process().memory_info().rss - before
    return [
        Figure("chart of 2.6 M bars made, once", made, "s"),
        Figure("its levels on disk", size / 1e6, "MB"),
        Figure("the whole file, one answer", 1e3 * whole, "ms", BUDGET_MS),
        Figure("a random window, median", 1e3 * zoomed[len(zoomed) // 2], "ms", BUDGET_MS),
        Figure("a random window, 95th percentile", 1e3 * zoomed[-QUESTIONS // 20], "ms", BUDGET_MS),
        Figure("memory of the asking process, grown by", grown / 1e6, "MB"),
    ]


def _answers(folder: Path) -> tuple[float, list[float]]:
    dice = random.Random(7)
    whole = _seconds(folder, Window(None, None, PIXELS))
    files = ChartFiles(folder)
    times = files.level(files.lengths[0])["time"]
    first, last = int(times[0]), int(times[-1])
    took = []
    for _ in range(QUESTIONS):
        width = int((last - first) * 10 ** dice.uniform(-4, 0))
        start = first + int(dice.random() * (last - first - width))
        took.append(_seconds(folder, Window(start, start + width, PIXELS)))
    return whole, sorted(took)


def _seconds(folder: Path, window: Window) -> float:
    began = time.perf_counter()
    json.dumps(ChartFiles(folder).window(window))
    return time.perf_counter() - began
