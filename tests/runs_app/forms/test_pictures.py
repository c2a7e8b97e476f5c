"""Numbers and words of the builder's pictures."""

from __future__ import annotations

import pytest
from django.template.loader import render_to_string

from runs_app.forecasting.config.input_words import INPUTS
from runs_app.forecasting.preview.features import preview_features
from runs_app.forms.feature_picture import feature_pictures
from runs_app.forms.plotting import evenly
from tests.synthetic import random_candles, small_config


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([-195.2, 299.04, 0.317], ["−195", "299", "0"]),
        ([-1.0, 1.0, -0.0003], ["−1.00", "1.00", "0.00"]),
        ([-12_345.6, 2.0, None], ["−12,346", "2", "–"]),
        ([0.0, 0.0, 0.0], ["0.00", "0.00", "0.00"]),
        ([None, None, None], ["–", "–", "–"]),
    ],
)
def test_numbers_side_by_side_have_the_same_decimals(
    values: list[float | None], texts: list[str]
) -> None:
    assert evenly(values) == texts


def test_every_input_has_a_title_a_unit_and_a_meaning() -> None:
    found = preview_features(small_config(), random_candles(4000))
    groups = feature_pictures(found)
    assert {column.name for group in groups for column in group.columns} <= set(INPUTS)
    assert all(words.title and words.unit and words.help for words in INPUTS.values())
    first = next(column for column in groups[0].columns if column.name == "log_return")
    core = next(column for column in found.groups[0].columns if column.name == "log_return")
    assert core.maximum is not None
    assert float(first.highest.replace(",", "")) == pytest.approx(1e4 * core.maximum, rel=0.01)
    drawn = render_to_string(
        "builder/_preview_features.html", {"groups": groups, "warmup": found.warmup_bars}
    )
    assert "Log-return</abbr><span" in drawn
    assert ", bp</span>" in drawn
