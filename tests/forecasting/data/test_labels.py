"""Labels equal those found by searching candle by candle, also across holes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs_app.forecasting.config.schema import HorizonsConfig
from runs_app.forecasting.config.timeframes import duration_seconds
from runs_app.forecasting.data.labels import DOWN, FLAT, UP, label_decisions
from runs_app.forecasting.data.resample import Bars, resample
from tests.synthetic import random_candles

HORIZONS = HorizonsConfig(
    next_bars=3, short="5m", long="30m", short_threshold_bps=5.0, long_threshold_bps=20.0
)


def _direction_by_hand(
    bars: Bars, i: int, horizon: str, threshold_bps: float, max_gap: int
) -> tuple[str, int]:
    times = bars.available_at.tolist()
    until = times[i] + duration_seconds(horizon) * 1000
    if until > times[-1]:
        return "tail", 0
    j = max(k for k, at in enumerate(times) if at <= until)
    if j == i or until - times[j] > max_gap * 60_000:
        return "gap", 0
    move = math.log(bars.close[j] / bars.close[i]) * 1e4
    return "known", UP if move > threshold_bps else DOWN if move < -threshold_bps else FLAT


@settings(max_examples=25, deadline=None)
@given(missing=st.sampled_from([0.0, 0.2, 0.6]), max_gap=st.integers(0, 6), seed=st.integers(0, 50))
def test_labels_are_those_found_by_hand(missing: float, max_gap: int, seed: int) -> None:
    bars = resample(random_candles(120, missing_share=missing, seed=seed), "1m")
    labels = label_decisions(bars, HORIZONS, max_gap)
    times = bars.available_at.tolist()
    for i in range(len(bars)):
        short = _direction_by_hand(bars, i, "5m", 5.0, max_gap)
        long = _direction_by_hand(bars, i, "30m", 20.0, max_gap)
        ahead = i + 3
        if ahead >= len(bars):
            state = "tail"
        elif times[ahead] - times[i] > (3 + max_gap) * 60_000:
            state = "gap"
        else:
            state = "known"
        states = {state, short[0], long[0]}
        assert labels.in_tail[i] == ("tail" in states)
        assert labels.in_gap[i] == ("gap" in states and "tail" not in states)
        if states == {"known"}:
            move = math.log(bars.close[ahead] / bars.close[i])
            assert labels.target[i] == pytest.approx(move, rel=1e-12)
            assert labels.short[i] == short[1]
            assert labels.long[i] == long[1]
            ends = [times[ahead], times[i] + 300_000, times[i] + 1_800_000]
            assert labels.end_time[i] == max(ends)


def test_a_move_within_the_threshold_is_flat() -> None:
    bars = resample(random_candles(200, seed=2), "1m")
    wide = HorizonsConfig(short="5m", long="30m", short_threshold_bps=5000, long_threshold_bps=0)
    labels = label_decisions(bars, wide, 0)
    known = ~labels.in_tail
    assert set(labels.short[known].tolist()) == {FLAT}
    assert set(labels.long[known].tolist()) >= {DOWN, UP}


def test_a_hole_is_no_flat_market() -> None:
    candles = random_candles(200, seed=2)
    kept = np.ones(200, np.bool_)
    kept[100:110] = False
    holed = type(candles)(
        *(getattr(candles, n)[kept] for n in
          ("open_time", "open", "high", "low", "close", "volume")), 60,
    )  # fmt: skip
    bars = resample(holed, "1m")
    labels = label_decisions(bars, HORIZONS, 10)
    before_hole = 99
    assert bars.open_time[before_hole + 1] - bars.open_time[before_hole] == 11 * 60_000
    assert labels.in_gap[before_hole]  # in five minutes there is no later bar than its own


@pytest.mark.parametrize("bars", [0, 1, 2])
def test_a_handful_of_bars_has_no_labels(bars: int) -> None:
    source = resample(random_candles(5), "1m")
    few = Bars("1m", *(getattr(source, n)[:bars] for n in (
        "open_time", "available_at", "open", "high", "low", "close", "volume")))  # fmt: skip
    assert label_decisions(few, HORIZONS, 5).in_tail.tolist() == [True] * bars
