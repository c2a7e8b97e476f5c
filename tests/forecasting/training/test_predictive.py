"""The network's tensors in log-returns: the same density as the training loss."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from runs_app.forecasting.config.schema import LossKind
from runs_app.forecasting.evaluation.predictive import QUANTILE_LEVELS, Family
from runs_app.forecasting.evaluation.scores import nll, pinball, squared_error
from runs_app.forecasting.losses.forecast import Forecast
from runs_app.forecasting.losses.total import REGRESSION_LOSSES
from runs_app.forecasting.training.predictive import predictive_of

TARGET_SCALE = 2e-3
FACTOR = {
    LossKind.GAUSSIAN_NLL: None,
    LossKind.STUDENT_T: None,
    LossKind.QUANTILE: TARGET_SCALE,
    LossKind.MSE: TARGET_SCALE**2,
}


@pytest.mark.parametrize("kind", list(LossKind))
def test_the_score_is_the_training_loss_in_other_units(kind: LossKind) -> None:
    draw = torch.Generator().manual_seed(0)
    count = 300
    log_scale = torch.randn(count, generator=draw) - 1
    log_scale[:5] = -40.0  # far below the floor of the loss
    forecast = Forecast(
        location=0.1 * torch.randn(count, generator=draw),
        log_scale=log_scale if FACTOR[kind] is None else None,
        df=2.05 + 20 * torch.rand(count, generator=draw) if kind is LossKind.STUDENT_T else None,
        quantiles=torch.randn(count, 5, generator=draw).sort(-1).values,
        short_logits=torch.zeros(count, 3),
        long_logits=torch.zeros(count, 3),
    )
    target = torch.randn(count, generator=draw)
    target[:5] = forecast.location[:5]
    loss = float(REGRESSION_LOSSES[kind](forecast=forecast, target=target))
    p = predictive_of(forecast, kind, target_scale=TARGET_SCALE)
    y = target.double().numpy() * TARGET_SCALE
    if p.family is Family.QUANTILES:
        assert pinball(p, y, QUANTILE_LEVELS).mean() == pytest.approx(loss * TARGET_SCALE)
    elif p.family is Family.POINT:
        assert squared_error(p, y).mean() == pytest.approx(loss * TARGET_SCALE**2)
    else:
        assert nll(p, y).mean() == pytest.approx(loss + math.log(TARGET_SCALE), abs=1e-4)
        assert p.scale is not None and p.scale.min() == pytest.approx(1e-4 * TARGET_SCALE)
        assert p.location.dtype == np.float64
