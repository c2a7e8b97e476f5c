"""No look-ahead, on random candles with holes: what is known at a moment never depends on later."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from runs_app.forecasting.config.schema import FeaturesConfig, Indicator, RunConfig
from runs_app.forecasting.config.timeframes import TIMEFRAMES, duration_seconds
from runs_app.forecasting.data.candles import Candles
from runs_app.forecasting.data.features import compute_features
from runs_app.forecasting.data.inputs import collect_inputs
from runs_app.forecasting.data.prepare import PreparedData, prepare_candles
from runs_app.forecasting.data.resample import last_visible, resample
from runs_app.forecasting.data.warmup import WARMUP_BARS
from runs_app.forecasting.data.windows import gather
from runs_app.forecasting.errors import DataInvalid
from tests.synthetic import MONDAY_MS, random_candles, small_config

ALL = FeaturesConfig(indicators=tuple(Indicator), calendar=True)
PRICES = ("open", "high", "low", "close")

WARMUP_SHARE = 1e-4
"""What a recursive indicator may keep of its start after the warm-up: 0.01 %."""
ROUNDING = 1e-9
"""Sums that run along the whole file round differently where the file begins elsewhere."""


@dataclass(frozen=True)
class Walk:
    """A seeded random walk; candles are absent one by one (``share``) and in a row (``hole``)."""

    bars: int
    seed: int
    offset_minutes: int
    share: float
    hole: int
    hole_at: float

    def candles(self) -> Candles:
        start = MONDAY_MS + self.offset_minutes * 60_000
        walk = random_candles(self.bars, seed=self.seed, start_ms=start)
        kept = np.random.default_rng(self.seed + 1).random(self.bars) >= self.share
        first = int(self.hole_at * self.bars)
        kept[first : first + self.hole] = False
        kept[0] = True
        return _rows(walk, kept)


def walks(bars: int) -> st.SearchStrategy[Walk]:
    """Files that begin at any minute and have any holes."""
    return st.builds(
        Walk,
        bars=st.just(bars),
        seed=st.integers(0, 10**6),
        offset_minutes=st.integers(0, 20_000),
        share=st.sampled_from([0.0, 0.05, 0.3]),
        hole=st.sampled_from([0, 1, 7, 90]),
        hole_at=st.floats(0.1, 0.9),
    )


def _rows(candles: Candles, kept: np.ndarray) -> Candles:
    names = ("open_time", *PRICES, "volume")
    return replace(candles, **{name: getattr(candles, name)[kept] for name in names})


def changed_after(candles: Candles, first: int, count: int | None, factor: float) -> Candles:
    """Other prices and volumes for ``count`` candles from ``first`` on; None: for all of them."""
    end = len(candles) if count is None else first + count
    rng = np.random.default_rng(first)
    end = min(end, len(candles))
    scale = factor * rng.lognormal(0.0, 0.2, end - first)
    fields = {}
    for name in (*PRICES, "volume"):
        values = getattr(candles, name).copy()
        values[first:end] *= scale
        fields[name] = values
    return replace(candles, **fields)


def prepared(config: RunConfig, candles: Candles) -> PreparedData:
    try:
        return prepare_candles(config, candles)
    except DataInvalid:
        assume(False)
        raise


@settings(max_examples=100, deadline=None)
@given(
    walk=walks(3000),
    timeframes=st.sampled_from([("1m",), ("1m", "5m"), ("5m",), ("1m", "5m", "15m")]),
    at=st.none() | st.floats(0.0, 1.0),
    count=st.sampled_from([1, 3, None]),
    factor=st.sampled_from([0.2, 1.003, 50.0]),
)
def test_any_candle_after_a_decision_changes_no_bit_of_what_is_known_at_it(
    walk: Walk, timeframes: tuple[str, ...], at: float | None, count: int | None, factor: float
) -> None:
    """Windows, volatility and closes up to a decision; scalers and floor where it is after train.

    A single candle may change, some, or all of them; the first of them opens at the decision. None
    for ``at`` means the last train decision.
    """
    candles = walk.candles()
    config = small_config(
        data={"timeframes": list(timeframes), "max_gap_bars": 200},
        model={"context_bars": 8, "patch_length": 4},
    )
    data = prepared(config, candles)
    last_train = int(data.splits["train"][-1])
    decision = last_train if at is None else int(at * (len(data.decision_time) - 1))
    first = int((candles.open_time < data.decision_time[decision]).sum())
    changed = prepare_candles(config, changed_after(candles, first, count, factor))
    assert np.array_equal(changed.decision_time, data.decision_time)
    assert all(torch.equal(changed.splits[part], data.splits[part]) for part in data.splits)
    learnt = last_train <= decision
    if learnt:
        assert changed.scalers == data.scalers
        assert changed.volatility_floor == data.volatility_floor
        assert torch.equal(changed.volatility[: decision + 1], data.volatility[: decision + 1])
    assert np.array_equal(changed.close[: decision + 1], data.close[: decision + 1])
    for one, two in zip(_unscaled(config, data), _unscaled(config, changed), strict=True):
        assert np.array_equal(one[decision], two[decision])
    if learnt:
        index = torch.arange(max(0, decision - 30), decision + 1)
        for one, two in zip(
            gather(data.features, data.last_bar, index, 8),
            gather(changed.features, changed.last_bar, index, 8),
            strict=True,
        ):
            assert torch.equal(one, two)


def _unscaled(config: RunConfig, data: PreparedData) -> list[np.ndarray]:
    """Per timeframe the unscaled features of the newest bar at each decision [N, F]."""
    found = []
    inputs = collect_inputs(config, data.candles)
    for bars, last in zip(inputs.all_bars, data.last_bar, strict=True):
        columns = compute_features(bars, config.features).columns
        found.append(np.stack([values[last.numpy()] for values in columns.values()], axis=1))
    return found


@settings(max_examples=150, deadline=None)
@given(walk=walks(900), timeframe=st.sampled_from(["1m", "5m", "15m"]),
       cut=st.floats(0.0, 1.0))  # fmt: skip
def test_features_of_a_file_that_ends_are_those_of_the_file_that_goes_on(
    walk: Walk, timeframe: str, cut: float
) -> None:
    candles = walk.candles()
    end = max(2, int(cut * len(candles)))
    part = _rows(candles, np.arange(len(candles)) < end)
    whole, short = resample(candles, timeframe), resample(part, timeframe)
    assume(len(short) > 0)
    before, after = compute_features(short, ALL), compute_features(whole, ALL)
    for name in before.names:
        assert np.array_equal(before.columns[name], after.columns[name][: len(short)]), name


@settings(max_examples=150, deadline=None)
@given(walk=walks(700), timeframe=st.sampled_from(TIMEFRAMES[:6]))
def test_a_bar_is_made_of_what_was_known_when_it_shows(walk: Walk, timeframe: str) -> None:
    """Every bar's values are those of the candles that had closed by its ``available_at``."""
    candles = walk.candles()
    bars = resample(candles, timeframe)
    span = duration_seconds(timeframe) * 1000
    assert np.array_equal(bars.available_at, bars.open_time + span)
    closes = candles.open_time + candles.bar_seconds * 1000
    decisions = resample(candles, "1m").available_at
    seen = last_visible(bars, decisions)
    for at, last in list(zip(decisions.tolist(), seen.tolist(), strict=True))[::37]:
        if last < 0:
            continue
        assert bars.available_at[last] <= at
        assert last + 1 == len(bars) or bars.available_at[last + 1] > at
        inside = (candles.open_time >= bars.open_time[last]) & (closes <= at)
        assert bars.high[last] == candles.high[inside & (closes <= bars.available_at[last])].max()
        assert bars.close[last] == candles.close[inside & (closes <= bars.available_at[last])][-1]


@settings(max_examples=80, deadline=None)
@given(
    walk=walks(2600),
    embargo=st.sampled_from(["0m", "13m", "2h"]),
    next_bars=st.sampled_from([1, 5, 40]),
    short=st.sampled_from(["1m", "10m"]),
    long=st.sampled_from(["15m", "1h"]),
    max_gap=st.sampled_from([0, 5, 300]),
)
def test_no_label_of_a_part_reaches_the_next_part(
    walk: Walk, embargo: str, next_bars: int, short: str, long: str, max_gap: int
) -> None:
    """The interval of every label, found from the bars, with the entry bar and the embargo."""
    config = small_config(
        data={"timeframes": ["1m"], "embargo": embargo, "max_gap_bars": max_gap},
        horizons={"next_bars": next_bars, "short": short, "long": long},
    )
    data = prepared(config, walk.candles())
    reached = np.maximum(
        data.bars.available_at[data.decision_bar + next_bars],
        data.decision_time + duration_seconds(long) * 1000,
    )
    entry_ms, embargo_ms = 60_000, duration_seconds(embargo) * 1000
    parts = [data.splits[part].numpy() for part in ("train", "validation", "test")]
    for part, following in zip(parts, parts[1:], strict=False):
        free = reached[part] + entry_ms + embargo_ms
        assert int(free.max()) < int(data.decision_time[following].min())
    used = np.concatenate(parts)
    assert len(np.unique(used)) == len(used)


@settings(max_examples=150, deadline=None)
@given(
    walk=walks(1600),
    timeframe=st.sampled_from(["1m", "5m"]),
    begin=st.floats(0.05, 0.6),
)
def test_history_put_in_front_changes_no_feature_after_the_warm_up(
    walk: Walk, timeframe: str, begin: float
) -> None:
    candles = walk.candles()
    late = _rows(candles, np.arange(len(candles)) >= int(begin * len(candles)))
    whole, short = resample(candles, timeframe), resample(late, timeframe)
    assume(len(short) > WARMUP_BARS + 20)
    missing = len(whole) - len(short)
    assert np.array_equal(whole.open_time[missing:], short.open_time)
    long, cut = compute_features(whole, ALL), compute_features(short, ALL)
    for name in long.names:
        a, b = long.columns[name][missing:][WARMUP_BARS:], cut.columns[name][WARMUP_BARS:]
        reach = float(np.ptp(long.columns[name][WARMUP_BARS:]))
        if missing:
            assert np.abs(a - b).max() <= WARMUP_SHARE * reach + ROUNDING, name
        else:
            assert np.array_equal(a, b), name


@pytest.mark.parametrize(
    "name",
    ["log_volatility_5", "log_volatility_60", "return_over_volatility", "hour_sin",
     "close_in_range", "log_range", "log_return"],
)  # fmt: skip
def test_what_is_not_recursive_forgets_the_beginning_of_the_file_entirely(name: str) -> None:
    candles = random_candles(1200, seed=4)
    late = _rows(candles, np.arange(1200) >= 300)
    whole = compute_features(resample(candles, "1m"), ALL).columns[name]
    short = compute_features(resample(late, "1m"), ALL).columns[name]
    assert whole[300 + WARMUP_BARS :] == pytest.approx(short[WARMUP_BARS:], rel=1e-9, abs=1e-9)
