"""Scores against a definition written out, over unequal classes and unmoved prices."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torchmetrics.functional.classification import multiclass_f1_score

from runs_app.forecasting.config.schema import LossConfig, LossKind
from runs_app.forecasting.losses.forecast import Forecast
from runs_app.forecasting.metrics.baseline import ConstantBaseline
from runs_app.forecasting.metrics.direction import directional_accuracy, macro_f1
from runs_app.forecasting.metrics.scores import score


def test_directional_accuracy_leaves_out_unmoved_prices() -> None:
    location = torch.tensor([1.0, -1.0, 1.0, 1.0, 0.0])
    target = torch.tensor([2.0, 1.0, 0.0, 3.0, -1.0])
    assert directional_accuracy(location, target) == pytest.approx(2 / 4)
    assert directional_accuracy(location, torch.zeros(5)) is None


def test_macro_f1_agrees_with_torchmetrics() -> None:
    draw = torch.Generator().manual_seed(0)
    label = torch.randint(0, 3, (400,), generator=draw)
    predicted = torch.where(
        torch.rand(400, generator=draw) < 0.4, label, torch.randint(0, 3, (400,), generator=draw)
    )
    expected = float(multiclass_f1_score(predicted, label, num_classes=3, average="macro"))
    assert macro_f1(predicted, label) == pytest.approx(expected, abs=1e-6)


def test_macro_f1_ignores_a_class_that_never_occurs() -> None:
    label = torch.tensor([0, 0, 2, 2])
    assert macro_f1(label, label) == 1.0
    assert macro_f1(torch.tensor([0, 0, 0, 0]), label) == pytest.approx((2 * 2 / 6 + 0.0) / 2)


def test_baseline_is_the_gaussian_of_the_training_targets() -> None:
    rng = np.random.default_rng(0)
    train, other = rng.normal(1e-4, 2e-3, 500), rng.normal(0.0, 3e-3, 300)
    baseline = ConstantBaseline.fitted(torch.from_numpy(train))
    expected = -stats.norm.logpdf(other, train.mean(), train.std()).mean()
    assert baseline.nll(torch.from_numpy(other)) == pytest.approx(expected)
    assert baseline.rmse(torch.from_numpy(other)) == pytest.approx(
        np.sqrt(np.square(other - train.mean()).mean())
    )


def test_scores_are_in_units_of_log_returns() -> None:
    rng = np.random.default_rng(1)
    target_scale, count = 2e-3, 200
    returns = rng.standard_t(4, count) * target_scale
    mean, scale, df = rng.normal(0, 1e-4, count), np.full(count, 1.5e-3), np.full(count, 5.0)
    forecast = Forecast(
        location=torch.tensor(mean / target_scale, dtype=torch.float32),
        log_scale=torch.tensor(np.log(scale / target_scale), dtype=torch.float32),
        df=torch.tensor(df, dtype=torch.float32),
        quantiles=None,
        short_logits=torch.zeros(count, 3),
        long_logits=torch.zeros(count, 3),
    )
    label = torch.zeros(count, dtype=torch.int64)
    scores = score(
        LossConfig(kind=LossKind.STUDENT_T),
        forecast=forecast,
        target=torch.tensor(returns / target_scale, dtype=torch.float32),
        target_scale=target_scale,
        short_label=label,
        long_label=label,
    )
    expected = -stats.t.logpdf(returns, df, mean, scale).mean()
    assert scores["nll"] == pytest.approx(expected, abs=1e-4)
    assert scores["rmse"] == pytest.approx(np.sqrt(np.square(returns - mean).mean()), rel=1e-4)
    assert scores["f1"] == 0.5 * (scores["f1_short"] + scores["f1_long"])
    in_loss = scores["nll"] - math.log(target_scale) + 2 * 0.1 * math.log(3.0)
    assert scores["loss"] == pytest.approx(in_loss, abs=1e-4)


@pytest.mark.parametrize("kind", [LossKind.QUANTILE, LossKind.MSE])
def test_a_head_without_density_has_no_nll(kind: LossKind) -> None:
    forecast = Forecast(
        torch.zeros(8), None, None, torch.zeros(8, 5), torch.zeros(8, 3), torch.zeros(8, 3)
    )
    label = torch.zeros(8, dtype=torch.int64)
    scores = score(
        LossConfig(kind=kind),
        forecast=forecast,
        target=torch.ones(8),
        target_scale=1e-3,
        short_label=label,
        long_label=label,
    )
    assert scores["nll"] is None
    assert scores["rmse"] == pytest.approx(1e-3)
