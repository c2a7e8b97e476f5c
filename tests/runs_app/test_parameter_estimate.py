"""The size that the preset cards tell is the size of the network."""

from __future__ import annotations

import pytest

from runs_app.forecasting.config.compose import preset_tree
from runs_app.forecasting.config.footprint import USUAL_FEATURES, about_parameters
from runs_app.forecasting.config.schema import LossKind, ModelConfig, Variant
from runs_app.forecasting.network.forecaster import Forecaster


@pytest.mark.parametrize("timeframes", [1, 3])
@pytest.mark.parametrize("variant", Variant)
def test_the_estimate_is_within_five_per_cent(variant: Variant, timeframes: int) -> None:
    config = ModelConfig(**preset_tree(variant)["model"])
    network = Forecaster(config, LossKind.STUDENT_T, features=[USUAL_FEATURES] * timeframes)
    true = sum(parameter.numel() for parameter in network.parameters())
    told = about_parameters(
        width=config.d_model,
        layers=config.layers,
        patch=config.patch_length,
        timeframes=timeframes,
    )
    assert told == pytest.approx(true, rel=0.05)
