"""Only plain values for known keys pass; nothing else, and nothing ever breaks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs_app.forecasting.config.overrides import MAX_LENGTH, MAX_OVERRIDES, parse_overrides
from runs_app.forecasting.config.paths import FIELDS
from runs_app.forecasting.errors import ConfigInvalid

ACCEPTED: dict[str, dict[str, Any]] = {
    "model.dropout=0.2": {"model.dropout": 0.2},
    "train.seed=3": {"train.seed": 3},
    "data.repair=true": {"data.repair": True},
    "data.start=null": {"data.start": None},
    "data.start=2024-01-31": {"data.start": "2024-01-31"},
    "data.timeframes=[1m,1h]": {"data.timeframes": ["1m", "1h"]},
    "data.source='a b, c.csv'": {"data.source": "a b, c.csv"},
    'data.source="a.csv"': {"data.source": "a.csv"},
    "data.source=./data/x.csv": {"data.source": "./data/x.csv"},
    "model=large": {"model.variant": "large"},
    "loss=mse": {"loss.kind": "mse"},
    "train.precision=bf16-mixed": {"train.precision": "bf16-mixed"},
    "loss.weights.next=2": {"loss.weights.next": 2},
}

REFUSED = {
    "+model.dropout=1": "adds a key",
    "++model.dropout=1": "adds a key",
    "~model.dropout": "deletes a key",
    "~model": "deletes a key",
    "model.dropout=0.1,0.2": "sweep",
    "model=base,large": "sweep",
    "model.dropout=choice(0.1,0.2)": "function",
    "train.seed=range(1,3)": "function",
    "train.seed=interval(1,3)": "function",
    "model=glob(*)": "function",
    "model.dropout=int(1)": "function",
    "data.source=str(1)": "function",
    "data.timeframes=shuffle([1m,1h])": "function",
    "data.timeframes=[int(1)]": "function",
    "model._target_=os.system": "code",
    "_target_=os.system": "code",
    "model._partial_=true": "code",
    "data.source={_target_: os.system}": "not plain",
    "data.timeframes=[{_target_: os.system}]": "not plain",
    "data.timeframes=[[1m]]": "not plain",
    "data.source=${oc.env:HOME}": "interpolation",
    "data.source='${oc.env:HOME}'": "interpolation",
    "data.source=\\${oc.env:HOME}": "interpolation",
    "data.timeframes=[1m,${hydra:runtime.cwd}]": "interpolation",
    "data.source={a: ${b}}": "interpolation",
    "hydra.run.dir=/tmp": "Hydra itself",
    "hydra/launcher=joblib": "Hydra itself",
    "hydra.searchpath=[file:///tmp]": "Hydra itself",
    "model@other=large": "moves a config group",
    "model=huge": "must choose one of base, large, medium, tiny",
    "model=../../etc/passwd": "must choose one of",
    "loss=cauchy": "must choose one of",
    "data=default": "whole config group",
    "loss.weights={next: 1}": "whole config group",
    "train={seed: 1}": "whole config group",
    "db/mysql=x": "whole config group",
    "dropout=0.2": "did you mean model.dropout?",
    "model.droput=0.2": "did you mean model.dropout?",
    "wandb.project=x": "not a known key",
    "--config-dir=/": "command-line flag",
    "-m": "command-line flag",
    "model.dropout": "write key=value",
    "=3": "write key=value",
    "data.source=~/x": "write key=value",
    "data.source=a\tb": "control character",
    "data.timeframes=" + "[" * 30: "too many brackets",
    "data.source=" + "a" * MAX_LENGTH: "longer than",
}


@pytest.mark.parametrize("text", ACCEPTED)
def test_plain_values_pass(text: str) -> None:
    assert parse_overrides([text]) == ACCEPTED[text]


@pytest.mark.parametrize("text", REFUSED)
def test_everything_else_is_refused_with_its_reason(text: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        parse_overrides([text])
    (error,) = caught.value.errors
    assert error.path == "overrides"
    assert REFUSED[text] in error.message
    assert text[:20].strip("\t") in error.message or repr(text)[1:20] in error.message


def test_one_text_with_one_override_per_line() -> None:
    text = "model.dropout=0.2\r\n\n  train.seed=3 \n"
    assert parse_overrides(text) == {"model.dropout": 0.2, "train.seed": 3}


def test_every_fault_is_told_at_once_and_a_later_value_wins() -> None:
    with pytest.raises(ConfigInvalid) as caught:
        parse_overrides(["+a=1", "model.dropout=0.2", "b=2"])
    assert len(caught.value.errors) == 2
    assert parse_overrides(["train.seed=1", "train.seed=2"]) == {"train.seed": 2}


@pytest.mark.parametrize("given_value", [3, {"model.dropout": 1}, [3], [None], True, [["a=1"]]])
def test_anything_but_texts_is_refused(given_value: object) -> None:
    with pytest.raises(ConfigInvalid):
        parse_overrides(given_value)


def test_their_number_is_limited() -> None:
    with pytest.raises(ConfigInvalid, match="more than 100"):
        parse_overrides(["train.seed=1"] * (MAX_OVERRIDES + 1))


def is_plain(value: object) -> bool:
    items = value if isinstance(value, list) else [value]
    return all(item is None or type(item) in (bool, int, float, str) for item in items)


_KEYS = st.one_of(
    st.sampled_from([*FIELDS, "model", "loss", "data", "hydra", "hydra.run.dir", "_target_"]),
    st.text(max_size=12),
)
_VALUES = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="[]{}()'\"\\,:=$~+-*?_.ab01 ", max_size=40),
    st.sampled_from(
        ["${oc.env:HOME}", "choice(1,2)", "{_target_: os.system}", "[1,[2]]", "1,2", "'a'", "nan"]
    ),
)
_OVERRIDES = st.one_of(
    st.builds(
        "{}{}{}{}".format, st.sampled_from(["", "+", "++", "~", "--"]), _KEYS, st.just("="), _VALUES
    ),
    st.text(max_size=60),
)


@settings(max_examples=1000, deadline=None)
@given(st.lists(_OVERRIDES, max_size=2))
def test_nothing_but_plain_values_for_known_keys_ever_passes(texts: list[str]) -> None:
    try:
        values = parse_overrides(texts)
    except ConfigInvalid as invalid:
        assert all(error.path == "overrides" for error in invalid.errors)
        return
    assert set(values) <= set(FIELDS)
    for value in values.values():
        assert is_plain(value)
        assert "${" not in str(value)
