"""The parts follow one another in time, and no label looks over a border."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs_app.forecasting.data.labels import label_decisions
from runs_app.forecasting.data.resample import resample
from runs_app.forecasting.data.splits import split
from tests.synthetic import random_candles, small_config

MINUTE = 60_000


@settings(max_examples=40, deadline=None)
@given(
    missing=st.sampled_from([0.0, 0.2, 0.7]),
    train=st.sampled_from([0.3, 0.5, 0.7]),
    validation=st.sampled_from([0.05, 0.15, 0.25]),
    embargo=st.sampled_from(["0m", "7m", "1h"]),
    next_bars=st.sampled_from([1, 2, 60]),
    max_gap=st.integers(0, 200),
    seed=st.integers(0, 20),
)
def test_no_label_of_a_part_reaches_the_next(
    missing: float,
    train: float,
    validation: float,
    embargo: str,
    next_bars: int,
    max_gap: int,
    seed: int,
) -> None:
    config = small_config(
        data={
            "train_fraction": train, "validation_fraction": validation, "embargo": embargo,
            "max_gap_bars": max_gap,
        },
        horizons={"next_bars": next_bars},
    )  # fmt: skip
    bars = resample(random_candles(1500, missing_share=missing, seed=seed), "1m")
    labels = label_decisions(bars, config.horizons, max_gap)
    valid = np.flatnonzero(~labels.in_tail & ~labels.in_gap)
    times, ends = bars.available_at[valid], labels.end_time[valid]
    parts = split(config, times, ends)
    assert all((np.diff(index) > 0).all() for index in parts.values())
    margin = MINUTE + {"0m": 0, "7m": 7, "1h": 60}[embargo] * MINUTE
    for part, following in (("train", "validation"), ("validation", "test")):
        one, two = parts[part], parts[following]
        if len(one) and len(two):
            assert int((ends[one] + margin).max()) < int(times[two[0]])
            # The label of a decision is at least the prices it was made from.
            assert int(times[one[-1]]) < int(times[two[0]]) - int(config.purge.total_seconds())
    used = np.concatenate(list(parts.values()))
    assert len(np.unique(used)) == len(used)


def test_fractions_share_out_what_the_purges_leave() -> None:
    config = small_config()
    times = MINUTE * np.arange(10_000, dtype=np.int64)
    parts = split(config, times, times + 30 * MINUTE)
    usable = 10_000 - 2 * 31
    assert len(parts["train"]) == pytest.approx(0.7 * usable, abs=3)
    assert len(parts["validation"]) == pytest.approx(0.15 * usable, abs=3)
    assert len(parts["test"]) == pytest.approx(0.15 * usable, abs=3)
    assert parts["test"][-1] == 9_999


def test_too_short_a_span_gives_empty_parts_and_no_error() -> None:
    config = small_config()
    for count in (0, 1, 40):
        times = MINUTE * np.arange(count, dtype=np.int64)
        parts = split(config, times, times + 30 * MINUTE)
        assert set(parts) == {"train", "validation", "test"}
        assert len(parts["validation"]) == 0
