"""Features know no future, no currency and no beginning of the file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs_app.forecasting.config.schema import FeaturesConfig, Indicator
from runs_app.forecasting.data.candles import Candles
from runs_app.forecasting.data.features import compute_features
from runs_app.forecasting.data.resample import resample
from runs_app.forecasting.data.volatility import ewma_volatility, floor_of, log_returns
from runs_app.forecasting.data.warmup import VOLATILITY_BARS, WARMUP_BARS
from tests.synthetic import random_candles

ALL = FeaturesConfig(indicators=tuple(Indicator), calendar=True)
CANDLES = random_candles(1500, seed=1, missing_share=0.1)


def _with_other_future(candles: Candles, first: int, seed: int) -> Candles:
    """The same candles up to ``first``, other prices and volumes from there on."""
    other = random_candles(len(candles), seed=seed + 1000)
    changed = {}
    for name in ("open", "high", "low", "close", "volume"):
        values = getattr(candles, name).copy()
        values[first:] = 3.7 * getattr(other, name)[first:]
        changed[name] = values
    return replace(candles, **changed)


@settings(max_examples=25, deadline=None)
@given(
    cut=st.integers(WARMUP_BARS, len(CANDLES) - 1),
    timeframe=st.sampled_from(["1m", "5m"]),
    seed=st.integers(0, 99),
)
def test_other_candles_after_a_moment_change_not_one_bit_before_it(
    cut: int, timeframe: str, seed: int
) -> None:
    changed = _with_other_future(CANDLES, cut, seed)
    moment = CANDLES.open_time[cut]
    before, after = resample(CANDLES, timeframe), resample(changed, timeframe)
    known = int(np.searchsorted(before.available_at, moment, side="right"))
    one, two = compute_features(before, ALL), compute_features(after, ALL)
    assert one.names == two.names
    for name in one.names:
        assert np.array_equal(one.columns[name][:known], two.columns[name][:known]), name
    assert known == len(before) or not np.array_equal(
        one.columns["log_return"][known:], two.columns["log_return"][known:]
    )


@pytest.mark.parametrize("cut", [WARMUP_BARS + 1, 700, 1300])
def test_features_of_a_shorter_file_are_the_first_of_the_longer(cut: int) -> None:
    whole = compute_features(resample(CANDLES, "1m"), ALL)
    part = CANDLES.between(None, int(CANDLES.open_time[cut]))
    short = compute_features(resample(part, "1m"), ALL)
    for name in whole.names:
        assert np.array_equal(whole.columns[name][:cut], short.columns[name]), name


def test_features_do_not_depend_on_where_the_file_begins() -> None:
    late = CANDLES.between(int(CANDLES.open_time[400]), None)
    whole = compute_features(resample(CANDLES, "1m"), ALL)
    cut = compute_features(resample(late, "1m"), ALL)
    for name in whole.names:
        a, b = whole.columns[name][400 + WARMUP_BARS :], cut.columns[name][WARMUP_BARS:]
        assert np.max(np.abs(a - b)) < 1e-3 * max(1.0, float(a.std())), name


def test_features_do_not_depend_on_currency_or_lot() -> None:
    scale = 1024.0
    prices = {n: getattr(CANDLES, n) * scale for n in ("open", "high", "low", "close")}
    dear = replace(CANDLES, **prices, volume=CANDLES.volume * scale)
    one = compute_features(resample(CANDLES, "1m"), ALL)
    two = compute_features(resample(dear, "1m"), ALL)
    for name in one.names:
        assert np.allclose(one.columns[name], two.columns[name], rtol=1e-6, atol=1e-6), name


@pytest.mark.parametrize("flat", ["price", "volume"])
def test_still_prices_and_absent_volume_give_finite_features(flat: str) -> None:
    calm = {n: np.full(len(CANDLES), 5.0) for n in ("open", "high", "low", "close")}
    none = {"volume": np.zeros(len(CANDLES))}
    features = compute_features(
        resample(replace(CANDLES, **(calm if flat == "price" else none)), "1m"), ALL
    )
    assert all(np.isfinite(values).all() for values in features.columns.values())


def test_a_sudden_silence_gives_finite_features() -> None:
    prices = {}
    for name in ("open", "high", "low", "close"):
        prices[name] = getattr(CANDLES, name).copy()
        prices[name][600:] = prices["open"][600]
    volume = CANDLES.volume.copy()
    volume[600:] = 0.0
    features = compute_features(resample(replace(CANDLES, **prices, volume=volume), "1m"), ALL)
    for name, values in features.columns.items():
        assert np.isfinite(values).all(), name
        assert np.abs(values).max() < 1e4, name


@pytest.mark.parametrize("indicator", list(Indicator))
def test_each_indicator_can_be_switched(indicator: Indicator) -> None:
    bars = resample(CANDLES, "1m")
    none = compute_features(bars, FeaturesConfig(indicators=(), calendar=False))
    one = compute_features(bars, FeaturesConfig(indicators=(indicator,), calendar=False))
    added = [name for name in one.names if name not in none.names]
    assert added
    assert all(indicator.value in name for name in added)
    assert one.names[: len(none.names)] == none.names


def test_indicators_keep_their_order_however_they_are_chosen() -> None:
    bars = resample(CANDLES, "1m")
    one = compute_features(bars, FeaturesConfig(indicators=("sma", "rsi"), calendar=True))
    two = compute_features(bars, FeaturesConfig(indicators=("rsi", "sma"), calendar=True))
    assert one.names == two.names


def test_the_calendar_tells_the_close_of_the_bar_in_utc() -> None:
    day = resample(random_candles(1000, bar_seconds=21_600), "1d")
    columns = compute_features(day, FeaturesConfig(indicators=())).columns
    used = slice(WARMUP_BARS, None)
    assert np.allclose(columns["hour_cos"][used], 1.0)  # midnight
    monday = day.available_at % (7 * 86_400_000) == 4 * 86_400_000  # 1970-01-05 was a Monday
    assert np.allclose(columns["weekday_cos"][used][monday[used]], 1.0)
    hours = resample(random_candles(1000, bar_seconds=3600), "1h")
    columns = compute_features(hours, FeaturesConfig(indicators=())).columns
    six = (hours.available_at % 86_400_000 == 6 * 3_600_000)[used]
    assert np.allclose(columns["hour_sin"][used][six], 1.0)


def test_obv_is_the_balance_of_recent_volume() -> None:
    rising = replace(
        CANDLES,
        close=np.linspace(100, 200, len(CANDLES)),
        high=np.full(len(CANDLES), 300.0),
        low=np.full(len(CANDLES), 1.0),
        volume=np.ones(len(CANDLES)),
    )
    bars = resample(rising, "1m")
    features = compute_features(bars, FeaturesConfig(indicators=("obv",)))
    assert np.allclose(features.columns["obv"][WARMUP_BARS:], 1.0)


def test_ewma_volatility_is_the_weighted_mean_by_hand() -> None:
    returns = np.random.default_rng(0).normal(0, 1e-3, 400)
    found = ewma_volatility(returns, 20.0)
    weights = 0.5 ** (np.arange(VOLATILITY_BARS) / 20.0)
    for t in (WARMUP_BARS, 250, 399):
        past = returns[t - VOLATILITY_BARS + 1 : t + 1][::-1]
        by_hand = np.sqrt((weights * past**2).sum() / weights.sum())
        assert found[t] == pytest.approx(by_hand, rel=1e-9)


def test_the_volatility_floor_is_above_zero_for_a_price_that_never_moved() -> None:
    assert floor_of(np.zeros(10)) > 0
    assert floor_of(np.array([0.0, 1e-3, 1e-3])) == pytest.approx(5e-5)
    assert log_returns(np.array([1.0, np.e])).tolist() == [0.0, 1.0]
