"""Losses against closed forms, and what keeps them finite."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from runs_app.forecasting.config.schema import LossConfig, LossKind, LossWeights
from runs_app.forecasting.evaluation.predictive import QUANTILE_LEVELS
from runs_app.forecasting.losses.density import LOG_SCALE_FLOOR, gaussian_nll, student_t_nll
from runs_app.forecasting.losses.forecast import Forecast
from runs_app.forecasting.losses.point import pinball, squared_error
from runs_app.forecasting.losses.total import (
    REGRESSION_LOSSES,
    RegressionLoss,
    direction_loss,
    total_loss,
)

COUNT = 50


def random_forecast(seed: int = 0) -> tuple[Forecast, Tensor]:
    """A forecast with every parameter, and targets, [50] each."""
    draw = torch.Generator().manual_seed(seed)
    forecast = Forecast(
        location=torch.randn(COUNT, generator=draw),
        log_scale=torch.randn(COUNT, generator=draw),
        df=2.1 + 20.0 * torch.rand(COUNT, generator=draw),
        quantiles=torch.randn(COUNT, len(QUANTILE_LEVELS), generator=draw).sort(-1).values,
        short_logits=torch.randn(COUNT, 3, generator=draw),
        long_logits=torch.randn(COUNT, 3, generator=draw),
    )
    return forecast, 2.0 * torch.randn(COUNT, generator=draw)


def test_gaussian_nll_is_scipys() -> None:
    forecast, target = random_forecast()
    scale = forecast.log_scale.exp().numpy()
    expected = -stats.norm.logpdf(target.numpy(), forecast.location.numpy(), scale).mean()
    assert float(gaussian_nll(forecast=forecast, target=target)) == pytest.approx(
        expected, rel=1e-5
    )


def test_student_t_nll_is_scipys() -> None:
    forecast, target = random_forecast()
    expected = -stats.t.logpdf(
        target.numpy(),
        forecast.df.numpy(),
        forecast.location.numpy(),
        forecast.log_scale.exp().numpy(),
    ).mean()
    actual = float(student_t_nll(forecast=forecast, target=target))
    assert actual == pytest.approx(expected, rel=1e-5)


def test_pinball_is_its_definition() -> None:
    forecast, target = random_forecast()
    total = 0.0
    for position, level in enumerate(QUANTILE_LEVELS):
        for quantile, value in zip(
            forecast.quantiles[:, position].tolist(), target.tolist(), strict=True
        ):
            error = value - quantile
            total += level * error if error >= 0 else (level - 1.0) * error
    expected = total / (COUNT * len(QUANTILE_LEVELS))
    assert float(pinball(forecast=forecast, target=target)) == pytest.approx(expected, rel=1e-5)


def test_squared_error_and_cross_entropy_are_their_definitions() -> None:
    forecast, target = random_forecast()
    expected = np.square(target.numpy() - forecast.location.numpy()).mean()
    assert float(squared_error(forecast=forecast, target=target)) == pytest.approx(
        expected, rel=1e-5
    )
    label = torch.arange(COUNT) % 3
    logits = forecast.short_logits.double().numpy()
    chosen = np.exp(logits)[np.arange(COUNT), label.numpy()] / np.exp(logits).sum(1)
    actual = float(direction_loss(logits=forecast.short_logits, label=label))
    assert actual == pytest.approx(-np.log(chosen).mean(), rel=1e-5)


@pytest.mark.parametrize("kind", LossKind)
def test_weight_counts_a_decision_that_often(kind: LossKind) -> None:
    forecast, target = random_forecast()
    weight = torch.zeros(COUNT)
    weight[3], weight[7] = 2.0, 1.0
    picked = torch.tensor([3, 3, 7])
    part = Forecast(*(field[picked] for field in forecast))
    loss = REGRESSION_LOSSES[kind]
    weighted = loss(forecast=forecast, target=target, weight=weight)
    assert torch.allclose(weighted, loss(forecast=part, target=target[picked]))
    assert float(loss(forecast=forecast, target=target, weight=torch.zeros(COUNT))) == 0.0


def test_total_is_the_weighted_sum() -> None:
    forecast, target = random_forecast()
    label = torch.arange(COUNT) % 3
    config = LossConfig(
        kind=LossKind.GAUSSIAN_NLL, weights=LossWeights(next=2.0, short=0.5, long=0.25)
    )
    terms = total_loss(
        config, forecast=forecast, target=target, short_label=label, long_label=label
    )
    expected = 2.0 * terms.next + 0.5 * terms.short + 0.25 * terms.long
    assert torch.allclose(terms.total, expected)


@pytest.mark.parametrize("kind", LossKind)
def test_bfloat16_forecasts_give_a_finite_float32_loss(kind: LossKind) -> None:
    forecast, target = random_forecast()
    half = Forecast(*(field.bfloat16() for field in forecast))
    label = torch.arange(COUNT) % 3
    with torch.autocast("cpu", dtype=torch.bfloat16):
        terms = total_loss(
            LossConfig(kind=kind),
            forecast=half,
            target=target,
            short_label=label,
            long_label=label,
        )
    assert terms.total.dtype == torch.float32
    assert torch.isfinite(terms.total)


@pytest.mark.parametrize("loss", [gaussian_nll, student_t_nll])
def test_a_vanishing_scale_buys_no_infinite_likelihood(loss: RegressionLoss) -> None:
    log_scale = torch.full((4,), -50.0, requires_grad=True)
    forecast = Forecast(
        torch.zeros(4), log_scale, torch.full((4,), 3.0), None, torch.zeros(4, 3), torch.zeros(4, 3)
    )
    value = loss(forecast=forecast, target=torch.zeros(4))
    assert value.item() > LOG_SCALE_FLOOR
    value.backward()
    assert math.isfinite(float(log_scale.grad.sum()))


def test_a_missing_parameter_is_named() -> None:
    forecast, target = random_forecast()
    with pytest.raises(ValueError, match="no degrees of freedom"):
        student_t_nll(forecast=forecast._replace(df=None), target=target)
    with pytest.raises(ValueError, match="no scale"):
        gaussian_nll(forecast=forecast._replace(log_scale=None), target=target)
    with pytest.raises(ValueError, match="no quantiles"):
        pinball(forecast=forecast._replace(quantiles=None), target=target)
