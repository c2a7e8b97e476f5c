"""Corrections count as far as they validate, whichever loss is learnt."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from runs_app.forecasting.config.schema import LossKind
from runs_app.forecasting.network.forecaster import Forecaster
from runs_app.forecasting.training.credibility import MAX_ROWS, settle_credibility, spaced
from tests.synthetic import small_config

ROWS = 4000


def settled(kind: LossKind, *, signal: float, seed: int) -> Tensor:
    """The shares where the location's correction is noise of half a volatility, plus ``signal``."""
    torch.manual_seed(seed)
    network = Forecaster(small_config().model, kind, features=[2, 2])
    known = torch.randn(ROWS)
    target = signal * known + torch.randn(ROWS)
    raw = 0.5 * torch.randn(ROWS, len(network.distribution.credibility))
    raw[:, 0] = signal * known if signal else raw[:, 0]
    settle_credibility(network, kind, raw=raw, log_volatility=torch.zeros(ROWS), target=target)
    return network.distribution.credibility


@pytest.mark.parametrize("kind", LossKind)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_noise_is_not_believed(kind: LossKind, seed: int) -> None:
    assert float(settled(kind, signal=0.0, seed=seed).max()) <= 0.1 + 1e-6


@pytest.mark.parametrize("kind", LossKind)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_signal_is_believed(kind: LossKind, seed: int) -> None:
    shares = settled(kind, signal=0.4, seed=seed)
    assert float(shares[0]) >= 0.7
    assert float(shares[1:].max()) <= 0.1 + 1e-6 if len(shares) > 1 else True


def test_shares_count_in_forecasts_and_not_in_training() -> None:
    network = Forecaster(small_config().model, LossKind.STUDENT_T, features=[2, 2])
    with torch.no_grad():
        for parameter in network.distribution.parameters():
            parameter.add_(0.1)
    network.distribution.believe(location=0.0, shape=0.0)
    state, volatility = torch.randn(5, 2 * small_config().model.d_model), torch.zeros(5)
    assert bool((network.distribution(state, volatility).location != 0).any())
    network.eval()
    forecast = network.distribution(state, volatility)
    assert bool((forecast.location == 0).all())
    assert torch.allclose(forecast.df, network.distribution.df_start.expand(5))


def test_at_most_so_many_rows_decide_and_they_span_the_part() -> None:
    assert torch.equal(spaced(torch.arange(100)), torch.arange(100))
    many = spaced(torch.arange(5 * MAX_ROWS + 3))
    assert len(many) <= MAX_ROWS
    assert int(many[-1]) > 4.9 * MAX_ROWS
