"""Which weights decay, and the learning rate over a fit."""

from __future__ import annotations

import pytest
from torch import nn

from runs_app.forecasting.config.schema import LossKind, TrainConfig
from runs_app.forecasting.network.forecaster import Forecaster
from runs_app.forecasting.training.optimizer import (
    FINAL_SHARE,
    build_optimizer,
    learning_rate_share,
    warmup_length,
)
from tests.synthetic import small_config


def test_only_matrices_of_linear_layers_decay() -> None:
    network = Forecaster(small_config().model, LossKind.STUDENT_T, features=[4, 4])
    decayed, plain = build_optimizer(network, TrainConfig(weight_decay=0.1)).param_groups
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.1, 0.0)
    linear = {id(layer.weight) for layer in network.modules() if isinstance(layer, nn.Linear)}
    assert {id(parameter) for parameter in decayed["params"]} == linear
    assert len(decayed["params"]) + len(plain["params"]) == len(list(network.parameters()))


def test_learning_rate_rises_linearly_and_falls_as_a_cosine() -> None:
    shares = [learning_rate_share(step, warmup_steps=10, planned_steps=110) for step in range(111)]
    assert shares[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert shares[10] == 1.0
    assert shares[60] == pytest.approx(FINAL_SHARE + (1 - FINAL_SHARE) / 2)
    assert shares[110] == pytest.approx(FINAL_SHARE)
    assert shares[10:] == sorted(shares[10:], reverse=True)


def test_warm_up_is_at_most_half_of_a_short_fit() -> None:
    assert warmup_length(TrainConfig(warmup_steps=100), 1000) == 100
    assert warmup_length(TrainConfig(warmup_steps=100), 30) == 15
    assert learning_rate_share(0, warmup_steps=0, planned_steps=1) == 1.0
