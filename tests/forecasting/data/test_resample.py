"""Bars of longer timeframes: the same as counted by hand, and never seen before their close."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs_app.forecasting.config.timeframes import TIMEFRAMES, duration_seconds
from runs_app.forecasting.data.candles import Candles, read_candles
from runs_app.forecasting.data.resample import Bars, last_visible, resample
from runs_app.forecasting.errors import DataInvalid
from tests.synthetic import MONDAY_MS, random_candles


def _by_hand(candles: Candles, seconds: int) -> dict[int, list[float]]:
    """Opening time to open, high, low, close, volume, grouped one candle at a time."""
    bars: dict[int, list[float]] = {}
    for i, at in enumerate(candles.open_time.tolist()):
        start = at - (at - MONDAY_MS) % (seconds * 1000)
        row = [float(getattr(candles, n)[i]) for n in ("open", "high", "low", "close", "volume")]
        if start not in bars:
            bars[start] = row
        else:
            bar = bars[start]
            bar[1:] = [max(bar[1], row[1]), min(bar[2], row[2]), row[3], bar[4] + row[4]]
    return bars


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_bars_are_those_counted_by_hand(timeframe: str) -> None:
    seconds = duration_seconds(timeframe)
    base = max(60, seconds // 60)
    candles = random_candles(3000, bar_seconds=base, missing_share=0.3, seed=3)
    bars = resample(candles, timeframe)
    expected = _by_hand(candles, seconds)
    last_close = candles.open_time[-1] + base * 1000
    whole = {at: bar for at, bar in expected.items() if at + seconds * 1000 <= last_close}
    assert bars.open_time.tolist() == sorted(whole)
    assert bars.available_at.tolist() == [at + seconds * 1000 for at in sorted(whole)]
    for at, *values in zip(
        bars.open_time.tolist(), bars.open, bars.high, bars.low, bars.close, bars.volume,
        strict=True,
    ):  # fmt: skip
        assert values[:4] == whole[at][:4]
        assert values[4] == pytest.approx(whole[at][4])


def test_weeks_open_on_monday() -> None:
    candles = random_candles(40, bar_seconds=86_400, start_ms=MONDAY_MS + 3 * 86_400_000)
    bars = resample(candles, "1w")
    assert bars.open_time[0] == MONDAY_MS + 7 * 86_400_000  # the first, short week is left out
    assert set(np.diff(bars.open_time).tolist()) == {7 * 86_400_000}


def test_a_grid_off_the_hour_keeps_its_offset() -> None:
    half_past = random_candles(24, bar_seconds=3600, start_ms=MONDAY_MS + 1_800_000)
    hours = resample(half_past, "1h")
    assert np.array_equal(hours.open_time, half_past.open_time)
    four = resample(half_past, "4h")
    assert four.open_time[0] == half_past.open_time[0]
    assert bool(np.all(four.available_at - four.open_time == 4 * 3_600_000))


def test_a_timeframe_that_is_no_multiple_is_refused() -> None:
    with pytest.raises(DataInvalid, match="bars of 1m cannot be made from candles of 300 seconds"):
        resample(random_candles(10, bar_seconds=300), "1m")


def test_an_unfinished_bar_is_left_out() -> None:
    assert len(resample(random_candles(14), "15m")) == 0
    assert len(resample(random_candles(15), "15m")) == 1
    assert len(resample(random_candles(29), "15m")) == 1


@settings(max_examples=60, deadline=None)
@given(
    bars=st.integers(2, 400),
    missing=st.sampled_from([0.0, 0.3, 0.9]),
    offset=st.integers(0, 20_000),
    timeframe=st.sampled_from(["1m", "5m", "15m", "1h", "4h", "1d"]),
    seed=st.integers(0, 99),
)
def test_no_bar_is_visible_before_its_close_and_none_is_seen_late(
    bars: int, missing: float, offset: int, timeframe: str, seed: int
) -> None:
    start = MONDAY_MS + offset * 60_000
    candles = random_candles(bars, missing_share=missing, seed=seed, start_ms=start)
    decisions, slow = resample(candles, "1m"), resample(candles, timeframe)
    seen = last_visible(slow, decisions.available_at)
    for at, last in zip(decisions.available_at.tolist(), seen.tolist(), strict=True):
        closed = np.flatnonzero(slow.open_time + duration_seconds(timeframe) * 1000 <= at)
        assert last == (closed[-1] if len(closed) else -1)


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(2, 299), missing=st.sampled_from([0.0, 0.5]), seed=st.integers(0, 20))
def test_bars_of_a_shorter_file_are_the_first_bars_of_the_longer(
    cut: int, missing: float, seed: int
) -> None:
    candles = random_candles(300, missing_share=missing, seed=seed)
    part = candles.between(None, int(candles.open_time[0]) + cut * 60_000)
    for timeframe in ("1m", "5m", "15m"):
        whole, short = resample(candles, timeframe), resample(part, timeframe)
        for name in ("open_time", "open", "high", "low", "close", "volume"):
            assert np.array_equal(getattr(short, name), getattr(whole, name)[: len(short)])


def test_the_real_five_minute_file_makes_the_real_quarter_hours(shared_data: Path) -> None:
    five, _ = read_candles(shared_data / "crypto" / "BTCUSDT_5m.csv.gz", repair=False)
    fifteen, _ = read_candles(shared_data / "crypto" / "BTCUSDT_15m.csv.gz", repair=False)
    made, given_bars = resample(five, "15m"), resample(fifteen, "15m")
    common, mine, theirs = np.intersect1d(made.open_time, given_bars.open_time, return_indices=True)
    assert len(common) == len(made)
    differ = ~_same(made, mine, given_bars, theirs)
    assert int(differ.sum()) <= 1  # the last bar was taken from the exchange before it had closed


def _same(a: Bars, i: np.ndarray, b: Bars, j: np.ndarray) -> np.ndarray:
    prices = [np.isclose(getattr(a, n)[i], getattr(b, n)[j], rtol=1e-12) for n in
              ("open", "high", "low", "close")]  # fmt: skip
    return np.all([*prices, np.isclose(a.volume[i], b.volume[j], rtol=1e-6)], axis=0)


def test_realised_variance_sums_five_minute_returns_from_the_close_before() -> None:
    candles = random_candles(2000, seed=4, missing_share=0.2)
    bars = resample(candles, "15m")
    assert bars.realised is not None
    five = resample(candles, "5m")
    for at in (3, 40, len(bars) - 1):
        inside = (five.open_time >= bars.open_time[at]) & (
            five.available_at <= bars.available_at[at]
        )
        closes = np.concatenate([[bars.close[at - 1]], five.close[inside]])
        assert bars.realised[at] == pytest.approx(np.sum(np.diff(np.log(closes)) ** 2), rel=1e-9)


def test_realised_variance_of_short_bars_takes_every_candle_and_of_base_bars_is_none() -> None:
    candles = random_candles(2000, seed=4)
    five = resample(candles, "5m")
    assert five.realised is not None
    inside = candles.open_time // 300_000 == five.open_time[7] // 300_000
    closes = np.concatenate([[five.close[6]], candles.close[inside]])
    assert five.realised[7] == pytest.approx(np.sum(np.diff(np.log(closes)) ** 2), rel=1e-9)
    assert resample(candles, "1m").realised is None


@pytest.mark.parametrize("cut", [500, 503, 1001, 1500])
def test_realised_variance_knows_no_later_candle(cut: int) -> None:
    candles = random_candles(2000, seed=4, missing_share=0.2)
    moment = int(candles.open_time[cut])
    whole, short = resample(candles, "15m"), resample(candles.between(None, moment), "15m")
    known = int(np.searchsorted(whole.available_at, moment, side="right"))
    assert whole.realised is not None
    assert short.realised is not None
    assert len(short) <= known
    assert np.array_equal(whole.realised[: len(short)], short.realised)
    later_close = np.concatenate([candles.close[:cut], 2.0 * candles.close[cut:][::-1]])
    later = resample(replace(candles, close=later_close), "15m")
    assert later.realised is not None
    assert np.array_equal(whole.realised[:known], later.realised[:known])
