"""Presets compose, validate and survive the way to YAML and back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import ValidationError

from runs_app.forecasting.config.compose import compose_config, preset_tree, preset_values
from runs_app.forecasting.config.document import from_yaml, to_tree, to_yaml
from runs_app.forecasting.config.paths import FIELDS, get_path
from runs_app.forecasting.config.schema import LossKind, Variant
from runs_app.forecasting.errors import ConfigInvalid

PRESETS = {
    "tiny": (64, 2, 4, 64),
    "base": (256, 2, 8, 32),
    "medium": (512, 3, 8, 64),
    "large": (768, 4, 12, 128),
}


def faults(values: dict[str, object]) -> dict[str, str]:
    with pytest.raises(ConfigInvalid) as caught:
        compose_config(values)
    return {error.path: error.message for error in caught.value.errors}


@pytest.mark.parametrize("variant", PRESETS)
def test_preset_has_the_promised_size(variant: str) -> None:
    config = compose_config({"data": {"source": "a.csv"}, "model": {"variant": variant}})
    d_model, layers, heads, batch_size = PRESETS[variant]
    assert config.model.variant == variant
    assert (config.model.d_model, config.model.layers, config.model.heads) == (
        d_model,
        layers,
        heads,
    )
    assert config.train.batch_size == batch_size
    assert config.model.context_bars % config.model.patch_stride == 0


@pytest.mark.parametrize("variant", list(Variant))
@pytest.mark.parametrize("loss", list(LossKind))
def test_every_choice_names_every_value_of_the_schema(variant: Variant, loss: LossKind) -> None:
    tree = preset_tree(variant, loss)
    for path in FIELDS:
        if path != "data.source":
            get_path(tree, path)
    assert tree["loss"]["kind"] == loss


def test_presets_agree_with_the_defaults_of_the_schema() -> None:
    tree = preset_tree()
    for path, info in FIELDS.items():
        if path == "data.source":
            continue
        default = info.get_default(call_default_factory=True)
        value = get_path(tree, path)
        assert (tuple(value) if isinstance(value, list) else value) == default, path


def test_a_request_wins_over_the_preset_and_the_preset_over_the_defaults() -> None:
    config = compose_config(
        {"data": {"source": "a.csv"}, "model": {"variant": "large"}, "train": {"batch_size": 5}}
    )
    assert config.train.batch_size == 5
    assert config.train.learning_rate == 1e-4
    assert config.train.max_epochs == 100


def test_preset_values_for_the_form() -> None:
    values = preset_values("medium")
    assert values["model.d_model"] == 512
    assert values["train.batch_size"] == 64
    assert "train.seed" not in values


def test_a_preset_cannot_be_spoilt_through_what_was_handed_out() -> None:
    preset_tree("tiny")["model"]["d_model"] = 1
    assert preset_tree("tiny")["model"]["d_model"] == 64


def test_composing_in_many_threads_at_once() -> None:
    preset_tree.__globals__["_composed"].cache_clear()
    pairs = [(variant, loss) for variant in Variant for loss in LossKind] * 2
    with ThreadPoolExecutor(8) as pool:
        trees = list(pool.map(lambda pair: preset_tree(*pair), pairs))
    assert [(t["model"]["variant"], t["loss"]["kind"]) for t in trees] == pairs


@pytest.mark.parametrize("variant", list(Variant))
def test_config_yaml_fed_back_gives_the_same_config(variant: Variant) -> None:
    config = compose_config(
        {
            "data": {
                "source": "é '\"#: x.csv",
                "start": "2024-01-31",
                "end": "2024-06-01T12:00+02:00",
            },
            "model": {"variant": variant},
            "train": {"learning_rate": 1e-5, "steps_per_epoch": 3},
        }
    )
    assert from_yaml(to_yaml(config)) == config
    assert compose_config(to_tree(config)) == config


def test_the_same_faults_have_the_same_words_at_every_door() -> None:
    found = faults(
        {
            "data": {"source": "", "start": 20240131, "timeframes": ["2m"]},
            "model": {"d_model": 100, "heads": 7},
            "train": {
                "batch_size": 0,
                "max_epoch": 3,
                "learning_rate": float("nan"),
                "seed": 1.5,
                "weight_decay": "much",
                "warmup_steps": True,
            },
        }
    )
    assert found == {
        "data.source": "must not be empty",
        "data.start": "must be a date such as 2024-01-31, written as text",
        "data.timeframes.0": "'2m' is not a timeframe; "
        "choose from 1m, 5m, 15m, 30m, 1h, 4h, 1d, 1w",
        "model.d_model": "100 is not divisible by the 7 attention heads",
        "train.batch_size": "must be at least 1",
        "train.max_epoch": "is not a known key; did you mean train.max_epochs?",
        "train.learning_rate": "must be a finite number",
        "train.seed": "must be a whole number, not 1.5",
        "train.weight_decay": "must be a number, not 'much'",
        "train.warmup_steps": "must not be true",
    }


@pytest.mark.parametrize(
    ("values", "path", "words"),
    [
        ({}, "data.source", "is required"),
        ({"data": {"source": "a"}, "mode": {}}, "mode", "did you mean model?"),
        ({"data": {"source": "a"}, "d_model": 3}, "d_model", "did you mean model"),
        (
            {"data": {"source": "a"}, "model": {"variant": "huge"}},
            "model.variant",
            "'tiny', 'base'",
        ),
        ({"data": {"source": "a"}, "model": [1]}, "model", "must be a group of keys"),
        ({"data": {"source": "${oc.env:HOME}"}}, "data.source", "interpolation"),
        ({"data": {"source": "a\x00"}}, "data.source", "control character"),
        ({"data": {"source": "\ud800"}}, "data.source", "half of a character"),
        (
            {"data": {"source": "a"}, "horizons": {"short": "90m", "long": "1h"}},
            "horizons.long",
            "longer than",
        ),
        (
            {"data": {"source": "a", "timeframes": ["1h", "4h"]}},
            "horizons.short",
            "shorter than the decision bar",
        ),
        (
            {"data": {"source": "a", "start": "2024-02-01", "end": "2024-01-01"}},
            "data.end",
            "after the start",
        ),
        (
            {"data": {"source": "a"}, "train": {"seed": 10**400}},
            "train.seed",
            "must be at most 2147483647",
        ),
        ({"data": {"source": "a"}, "train": {"seed": "1" * 5000}}, "train.seed", "too large"),
        (
            {"data": {"source": "a", "timeframes": ["1m", "1h"], "decision": "15m"}},
            "data.decision",
            "15m is not among the chosen timeframes (1m, 1h)",
        ),
        ({"data": {"source": "a", "decision": "2m"}}, "data.decision", "is not a timeframe"),
    ],
)
def test_each_fault_names_its_field(values: dict[str, object], path: str, words: str) -> None:
    found = faults(values)
    assert words in found[path]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &a [x]\nb: *a", "alias"),
        ("a: [" * 40, "deep"),
        ("- " * 40 + "x", "deep"),
        ("x: " + "y" * 300_000, "larger than 256 KiB"),
        ("[" + "1," * 20_001 + "]", "more than 10000 values"),
        ("data: ${oc.env:HOME}", "interpolation"),
        ("data: !!python/object/apply:os.system ['true']", "not valid YAML"),
        ("data: [", "not valid YAML"),
        ("3", "must be a group of keys"),
        ("1: 2", "not text"),
        ("data: {source: a, start: 2024-13-45}", "must be a date"),
        ("\x00", "not valid YAML"),
    ],
)
def test_a_bad_document_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(ConfigInvalid, match=words):
        from_yaml(text)


def test_a_hand_written_date_and_number_are_read_as_people_mean_them() -> None:
    config = from_yaml("data: {source: a, start: 2024-01-31}\ntrain: {learning_rate: 1e-3}")
    assert config.data.start is not None
    assert config.data.start.isoformat() == "2024-01-31T00:00:00+00:00"
    assert config.train.learning_rate == 1e-3


def test_the_cause_of_a_refusal_is_kept() -> None:
    with pytest.raises(ConfigInvalid) as caught:
        compose_config({"data": {"source": "a"}, "train": {"batch_size": 0}})
    assert isinstance(caught.value.__cause__, ValidationError)
