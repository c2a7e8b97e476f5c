"""The flat payload: what it means, what it refuses, and what it calls the faults."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs_app.forecasting.config.document import to_tree
from runs_app.forecasting.config.request import (
    FLAT_PATHS,
    FlatConfig,
    as_sent,
    flat_from_config,
    parse_request,
)
from runs_app.forecasting.errors import ConfigInvalid

EVERYTHING: dict[str, Any] = {
    "data_source": "x.csv",
    "timeframes": ["5m", "1h"],
    "decision_timeframe": "1h",
    "start_date": "2024-01-31",
    "end_date": "2024-03-01T00:00:00Z",
    "repair": True,
    "indicators": ["RSI", "obv"],
    "calendar_features": False,
    "realised_volatility": False,
    "next_horizon": 3,
    "short_horizon": "1h",
    "long_horizon": "1d",
    "variant": "tiny",
    "d_model": 32,
    "layers": 1,
    "heads": 2,
    "context_bars": 48,
    "dropout": 0.0,
    "regression_loss": "quantile",
    "loss_weights": {"next": 2.0, "short": 0.5, "long": 0.25},
    "max_epochs": 2,
    "batch_size": 16,
    "accumulation": 2,
    "devices": 3,
    "learning_rate": 0.001,
    "weight_decay": 0.1,
    "seed": 11,
    "overrides": ["model.patch_length=4", "model.patch_stride=2", "train.precision=bf16-mixed"],
}


def faults(payload: Any) -> dict[str, str]:
    with pytest.raises(ConfigInvalid) as caught:
        parse_request(payload).compose()
    return {error.path: error.message for error in caught.value.errors}


def test_every_key_reaches_its_value() -> None:
    assert EVERYTHING.keys() == {*FLAT_PATHS, "overrides"} == set(FlatConfig.model_fields)
    config = parse_request(EVERYTHING).compose()
    flat = flat_from_config(config)
    expected = EVERYTHING | {
        "indicators": ["rsi", "obv"],
        "start_date": "2024-01-31T00:00:00Z",
        "end_date": "2024-03-01T00:00:00Z",
    }
    assert {key: flat[key] for key in FLAT_PATHS} == {key: expected[key] for key in FLAT_PATHS}
    assert config.model.patch_stride == 2
    assert config.train.precision == "bf16-mixed"


def test_a_flat_equal_of_a_config_gives_the_config_back() -> None:
    config = parse_request(EVERYTHING).compose()
    assert parse_request(flat_from_config(config)).compose() == config
    assert parse_request(to_tree(config)).compose() == config


@settings(max_examples=40, deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "data.embargo": st.sampled_from(["1h", "3d"]),
            "data.max_gap_bars": st.integers(0, 100),
            "horizons.short_threshold_bps": st.floats(0, 5000, allow_nan=False),
            "train.steps_per_epoch": st.none() | st.integers(1, 1000),
            "train.gradient_clip": st.floats(1e-6, 1000),
            "train.precision": st.sampled_from(["32-true", "bf16-mixed"]),
            "train.accelerator": st.sampled_from(["auto", "cpu", "gpu"]),
        },
    ),
    st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=30),
)
def test_round_trip_of_what_has_no_flat_key(values: dict[str, Any], source: str) -> None:
    overrides = [f"{path}={'null' if value is None else value}" for path, value in values.items()]
    if "${" in source:
        return
    config = parse_request({"data_source": source, "overrides": overrides}).compose()
    assert parse_request(flat_from_config(config)).compose() == config


def test_null_means_left_out_and_missing_means_the_preset() -> None:
    config = parse_request({"data_source": "a", "variant": "medium", "d_model": None}).compose()
    assert config.model.d_model == 512
    assert config.train.batch_size == 64


def test_faults_carry_the_name_the_sender_used() -> None:
    assert faults(
        {
            "timeframes": ["1m", 2],
            "batch_size": 0,
            "loss_weights": {"next": -1},
            "overrides": ["train.seed=-1"],
        }
    ) == {
        "data_source": "is required",
        "timeframes.1": "2 is not a timeframe; choose from 1m, 5m, 15m, 30m, 1h, 4h, 1d, 1w",
        "batch_size": "must be at least 1",
        "loss_weights.next": "must be at least 0",
        "overrides": "train.seed: must be at least 0",
    }
    assert faults({"data": {"source": "a"}, "train": {"batch_size": 0}}) == {
        "train.batch_size": "must be at least 1"
    }


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("batchsize", "did you mean batch_size?"),
        ("next_bars", "did you mean next_horizon?"),
        ("train.batch_size", "did you mean batch_size?"),
        ("loss", "did you mean regression_loss?"),
        ("model", "did you mean variant?"),
        ("patch_length", "set it by an override: model.patch_length=..."),
        ("train.patience", "is not a known key"),
        ("_target_", "is not a known key"),
    ],
)
def test_an_unknown_key_is_refused_with_a_hint(key: str, hint: str) -> None:
    assert hint in faults({"data_source": "a", key: "x"})[key]


def test_whole_parts_and_flat_keys_do_not_mix() -> None:
    assert faults({"data": {"source": "a"}, "batch_size": 3}) == {
        "batch_size": "cannot stand beside whole parts; write train.batch_size"
    }


@pytest.mark.parametrize("payload", [None, [], "x", 3, True])
def test_only_a_group_of_keys_is_a_request(payload: Any) -> None:
    assert "must be a group of keys" in faults(payload)[""]


def test_the_request_is_stored_as_it_was_sent() -> None:
    payload = {"data_source": "a", "overrides": "train.seed=3\n", "d_model": None}
    request = parse_request(payload)
    assert as_sent(payload, request, request.compose()) == {
        "data_source": "a",
        "overrides": ["train.seed=3"],
    }


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=10), children, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from([*FLAT_PATHS, "overrides", "x", "data"]), _JSON, max_size=6))
def test_any_payload_is_a_config_or_a_refusal(payload: dict[str, Any]) -> None:
    try:
        parse_request(payload).compose()
    except ConfigInvalid as invalid:
        assert all(error.message for error in invalid.errors)
