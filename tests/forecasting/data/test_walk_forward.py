"""Folds tile the span they state, each is an ordinary run, nothing of a fold's test is learnt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs_app.forecasting.config.document import from_yaml, to_yaml, validate
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.candles import Candles
from runs_app.forecasting.data.inspect import CandleFacts, check_against, facts_of
from runs_app.forecasting.data.labels import label_decisions
from runs_app.forecasting.data.ledger import chosen_time
from runs_app.forecasting.data.prepare import PreparedData, prepare_candles
from runs_app.forecasting.data.resample import resample
from runs_app.forecasting.data.splits import in_ms
from runs_app.forecasting.data.walk_forward import Scheme, seeds_of, walk_forward
from runs_app.forecasting.errors import ConfigInvalid
from tests.synthetic import random_candles, small_config


def planned(
    config: RunConfig, candles: Candles, folds: int, scheme: Scheme = Scheme.EXPANDING
) -> list[RunConfig]:
    facts = facts_of(candles)
    return walk_forward(config, facts.first_open, facts.last_close, folds, scheme)


def prepared(config: RunConfig, candles: Candles) -> PreparedData:
    """What ``prepare`` gives for the fold, its dates taken as it takes them."""
    assert check_against(config, facts_of(candles)) == []
    return prepare_candles(config, chosen_time(config, candles))


def times(data: PreparedData, part: str) -> Any:
    return data.decision_time[data.splits[part].numpy()]


@settings(max_examples=12, deadline=None)
@given(
    folds=st.integers(2, 6),
    scheme=st.sampled_from(list(Scheme)),
    missing=st.sampled_from([0.0, 0.15, 0.3]),
    next_bars=st.sampled_from([1, 7, 40]),
    embargo=st.sampled_from(["0m", "45m"]),
    seed=st.integers(0, 9),
)
def test_tests_tile_the_span_and_hold_every_decision_that_can_be_judged(
    folds: int, scheme: Scheme, missing: float, next_bars: int, embargo: str, seed: int
) -> None:
    config = small_config(
        data={"embargo": embargo, "max_gap_bars": 40}, horizons={"next_bars": next_bars}
    )
    candles = random_candles(7000, missing_share=missing, seed=seed)
    plan = planned(config, candles, folds, scheme)
    parts = [prepared(fold, candles) for fold in plan]
    tests = [times(data, "test") for data in parts]

    bars = resample(candles, "1m")
    labels = label_decisions(bars, config.horizons, config.data.max_gap_bars)
    judged = bars.available_at[~labels.in_tail & ~labels.in_gap]
    assert plan[0].data.test_start is not None
    expected = judged[judged >= in_ms(plan[0].data.test_start)]
    assert np.array_equal(np.concatenate(tests), expected)

    for fold, data in zip(plan, parts, strict=True):
        assert fold.data.test_start is not None
        margin = in_ms(fold.data.test_start) - int(config.purge.total_seconds()) * 1000
        assert int(times(data, "validation").max()) <= margin
        reach = int(times(data, "train").max() + config.purge.total_seconds() * 1000)
        assert reach <= int(times(data, "validation").min())


def test_the_first_fold_shares_its_time_out_by_the_fractions() -> None:
    config = small_config()
    candles = random_candles(6000)
    sizes = [
        {part: len(index) for part, index in prepared(fold, candles).splits.items()}
        for fold in planned(config, candles, 4)
    ]
    total = sum(sizes[0].values())
    assert sizes[0]["train"] / total == pytest.approx(0.7, abs=0.01)
    assert sizes[0]["test"] / total == pytest.approx(0.15, abs=0.01)
    assert len({size["test"] for size in sizes}) == 1
    assert sizes[3]["train"] > sizes[2]["train"] > sizes[0]["train"]


def test_a_rolling_fold_learns_from_as_long_a_time_as_the_first() -> None:
    candles = random_candles(6000)
    plan = planned(small_config(), candles, 4, Scheme.ROLLING)
    data = [prepared(fold, candles) for fold in plan]
    sizes = [len(part.splits["train"]) for part in data]
    assert max(sizes) - min(sizes) <= 5  # a bar of the slowest timeframe
    starts = [int(times(part, "train")[0]) for part in data]
    assert starts == sorted(set(starts))


def test_a_fold_survives_its_own_document() -> None:
    for fold in planned(small_config(), random_candles(6000), 3, Scheme.ROLLING):
        assert from_yaml(to_yaml(fold)) == fold


def facts(bars: int) -> CandleFacts:
    opened = datetime(2024, 1, 1, tzinfo=UTC)
    return CandleFacts("1m", 60, bars, opened, opened + timedelta(minutes=bars - 1))


@pytest.mark.parametrize(
    ("bars", "folds", "changes", "path", "sentence"),
    [
        (6000, 1, {}, "folds", "from 2 to 50"),
        (6000, 51, {}, "folds", "from 2 to 50"),
        (1800, 50, {}, "folds", "choose fewer folds"),
        (900, 2, {}, "folds", "choose fewer folds"),
        (6000, 3, {"test_start": "2024-01-03"}, "data.test_start", "a test of its own"),
    ],
)
def test_what_cannot_be_planned_is_refused_with_a_sentence(
    bars: int, folds: int, changes: dict[str, Any], path: str, sentence: str
) -> None:
    held = facts(bars)
    with pytest.raises(ConfigInvalid, match=sentence) as caught:
        walk_forward(small_config(data=changes), held.first_open, held.last_close, folds)
    assert [error.path for error in caught.value.errors] == [path]


def test_seeds_differ_in_nothing_else() -> None:
    config = small_config(train={"seed": 41})
    made = seeds_of(config, 3)
    assert [one.train.seed for one in made] == [41, 42, 43]
    assert {one.model_copy(update={"train": config.train}) for one in made} == {config}


@pytest.mark.parametrize(
    ("seed", "count", "path"), [(7, 51, "seeds"), (2**31 - 2, 3, "train.seed")]
)
def test_seeds_out_of_bounds_are_refused(seed: int, count: int, path: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        seeds_of(small_config(train={"seed": seed}), count)
    assert [error.path for error in caught.value.errors] == [path]


@pytest.mark.parametrize(
    ("changes", "path", "sentence"),
    [
        ({"test_start": "2024-01-01T02:00"}, "data.test_start", "let the test start later"),
        ({"test_start": "2025-01-01"}, "data.test_start", "outside the data"),
        ({"test_start": "2024-01-05T03:25"}, "data.test_start", "make the test longer"),
        (
            {"test_start": "2024-01-03", "test_end": "2024-01-03T00:05"},
            "data.test_end", "make the test longer",
        ),
    ],
)  # fmt: skip
def test_a_test_that_leaves_too_little_is_refused(
    changes: dict[str, Any], path: str, sentence: str
) -> None:
    errors = check_against(small_config(data=changes), facts(6000))
    assert [(error.path, sentence in error.message) for error in errors] == [(path, True)]


@pytest.mark.parametrize(
    ("dates", "path"),
    [
        ({"start": "2024-01-02", "test_start": "2024-01-01"}, "data.test_start"),
        ({"test_start": "2024-01-02", "test_end": "2024-01-02"}, "data.test_end"),
        ({"end": "2024-01-02", "test_end": "2024-01-03"}, "data.test_end"),
    ],
)
def test_dates_out_of_order_are_refused(dates: dict[str, str], path: str) -> None:
    tree = small_config().model_dump(mode="json")
    tree["data"] |= dates
    with pytest.raises(ConfigInvalid, match="must") as caught:
        validate(tree)
    assert [error.path for error in caught.value.errors] == [path]
