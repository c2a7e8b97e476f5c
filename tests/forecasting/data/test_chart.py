"""The chart of a data set: sticks are what their bars say, and a window costs what it shows."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import talib

from runs_app.forecasting.data import chart
from runs_app.forecasting.data.candles import Candles
from runs_app.forecasting.data.canonical import write_canonical
from runs_app.forecasting.data.chart_levels import CHART_DIR, NAMES, ChartFiles, Window
from runs_app.forecasting.data.imports import CANDLES_FILE
from tests.synthetic import MONDAY_MS, random_candles

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def candles() -> Candles:
    return random_candles(40_000, seed=11, missing_share=0.02)


@pytest.fixture(scope="module")
def files(candles: Candles, tmp_path_factory: pytest.TempPathFactory) -> ChartFiles:
    folder = tmp_path_factory.mktemp("import")
    write_canonical(folder / CANDLES_FILE, candles)
    assert chart.main([str(folder)]) == 0
    return ChartFiles(folder / CHART_DIR)


def test_an_hour_is_its_minutes(files: ChartFiles, candles: Candles) -> None:
    hours = files.level(3600)
    assert len(hours) == len(np.unique(candles.open_time // HOUR_MS))
    for hour in (hours[0], hours[77], hours[-1]):
        inside = candles.open_time // HOUR_MS == hour["time"] // HOUR_MS
        assert hour["time"] % HOUR_MS == 0
        assert hour["open"] == candles.open[inside][0]
        assert hour["high"] == candles.high[inside].max()
        assert hour["low"] == candles.low[inside].min()
        assert hour["close"] == candles.close[inside][-1]
        assert hour["volume"] == pytest.approx(candles.volume[inside].sum(), rel=1e-12)


def test_a_window_copies_no_column_of_the_whole_file(files: ChartFiles) -> None:
    column = 8 * len(files.level(60))
    window = Window(None, None, 150)
    files.window(window)
    tracemalloc.start()
    try:
        files.window(window)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < column / 2


def test_indicators_are_those_of_the_sticks(files: ChartFiles) -> None:
    sticks = files.level(900)
    close = np.ascontiguousarray(sticks["close"])
    np.testing.assert_allclose(sticks["ema"], talib.EMA(close, 20), rtol=1e-6)
    np.testing.assert_allclose(sticks["rsi"], talib.RSI(close, 14), rtol=1e-5)
    assert np.isnan(sticks["ema"][:19]).all()
    assert np.isfinite(sticks["ema"][19:]).all()


def test_the_whole_file_fits_the_pixels_and_a_close_look_is_exact(
    files: ChartFiles, candles: Candles
) -> None:
    whole = files.window(Window(None, None, 900))
    assert whole["bars"] == len(candles.open_time) == whole["bars_in_window"]
    assert whole["stick"] == "4h"
    assert len(whole["columns"]["time"]) <= 300
    assert (whole["first"], whole["last"]) == (candles.open_time[0], candles.open_time[-1])
    start = MONDAY_MS + 5 * HOUR_MS
    close_up = files.window(Window(start, start + HOUR_MS, 900))
    assert close_up["stick"] == close_up["bar"] == "1m"
    inside = (candles.open_time >= start) & (candles.open_time < start + HOUR_MS)
    assert close_up["columns"]["time"] == candles.open_time[inside].tolist()
    assert close_up["columns"]["close"] == candles.close[inside].tolist()
    json.dumps(close_up, allow_nan=False)


def test_gaps_stay_gaps(tmp_path: Path) -> None:
    full = random_candles(3000, seed=2)
    kept = (full.open_time < MONDAY_MS + 10 * HOUR_MS) | (
        full.open_time >= MONDAY_MS + 40 * HOUR_MS
    )
    parts = {name: getattr(full, name)[kept] for name in ("open_time", *NAMES[1:6])}
    write_canonical(tmp_path / CANDLES_FILE, Candles(**parts, bar_seconds=60))
    chart.make_chart(tmp_path)
    quarters = ChartFiles(tmp_path / CHART_DIR).level(900)["time"]
    steps = np.diff(quarters)
    assert steps.max() == 30 * HOUR_MS + 900_000
    assert (np.sort(steps)[:-1] == 900_000).all()


@pytest.mark.parametrize(
    "window",
    [
        Window(0, 1, 900),
        Window(MONDAY_MS + 10**12, MONDAY_MS + 10**12 + 1, 900),
        Window(MONDAY_MS + 5, MONDAY_MS + 5, 100),
        Window(MONDAY_MS + 50, MONDAY_MS, 10_000),
    ],
)
def test_windows_without_bars_are_answered(files: ChartFiles, window: Window) -> None:
    assert len(files.window(window)["columns"]["time"]) <= 1


def test_daily_candles_of_a_few_weeks(tmp_path: Path) -> None:
    write_canonical(tmp_path / CANDLES_FILE, random_candles(30, bar_seconds=86_400))
    assert chart.make_chart(tmp_path) == [86_400]
    answer = ChartFiles(tmp_path / CHART_DIR).window(Window(None, None, 100))
    assert (answer["stick"], len(answer["columns"]["time"])) == ("1d", 30)
    assert answer["columns"]["ema"][0] is None
    assert chart.make_chart(tmp_path) == [86_400]  # whoever comes second changes nothing


def test_a_damaged_import_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / CANDLES_FILE).write_text("nonsense")
    assert chart.main([str(tmp_path)]) == 1
    assert "the chart cannot be made" in capsys.readouterr().err
    assert not list(tmp_path.glob(".chart*"))
