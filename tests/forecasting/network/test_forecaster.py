"""Shapes, promises of the heads, and where the network starts."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from runs_app.forecasting.config.compose import compose_config
from runs_app.forecasting.config.half_lives import HALF_LIVES_BARS
from runs_app.forecasting.config.schema import (
    LossConfig,
    LossKind,
    LossWeights,
    ModelConfig,
    Variant,
)
from runs_app.forecasting.losses.forecast import Forecast
from runs_app.forecasting.losses.total import total_loss
from runs_app.forecasting.network.encoder import PatchEmbedding
from runs_app.forecasting.network.forecaster import Forecaster
from runs_app.forecasting.network.heads import (
    DF_MAX,
    DF_MIN,
    PRIOR_OUTCOMES,
    DirectionHead,
    QuantileHead,
    StudentTHead,
)

SMALL = ModelConfig(
    variant=Variant.TINY,
    d_model=16,
    layers=1,
    heads=2,
    context_bars=20,
    patch_length=6,
    patch_stride=4,
    dropout=0.0,
)
FEATURES = (5, 3)
BATCH = 12


def inputs(context_bars: int = SMALL.context_bars, seed: int = 0) -> tuple[list[Tensor], Tensor]:
    draw = torch.Generator().manual_seed(seed)
    windows = [torch.randn(BATCH, context_bars, count, generator=draw) for count in FEATURES]
    # Each decision has one volatility over all memories, so that any mixture of them is that.
    volatility = 0.5 * torch.randn(BATCH, 1, generator=draw)
    return windows, volatility.expand(-1, len(HALF_LIVES_BARS))


def forecast_of(kind: LossKind, *, noise: float = 0.0) -> tuple[Forecast, Tensor]:
    torch.manual_seed(0)
    network = Forecaster(SMALL, kind, features=FEATURES)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(noise * torch.randn_like(parameter))
    windows, log_volatility = inputs()
    with torch.no_grad():
        network.volatility.log_weight[-1] = -30.0  # no constant
    return network(windows, log_volatility), log_volatility[:, 0]


@pytest.mark.parametrize("kind", LossKind)
def test_shapes(kind: LossKind) -> None:
    forecast, _ = forecast_of(kind)
    assert forecast.location.shape == (BATCH,)
    assert forecast.short_logits.shape == forecast.long_logits.shape == (BATCH, 3)
    densities = (LossKind.GAUSSIAN_NLL, LossKind.STUDENT_T)
    assert (forecast.log_scale is not None) == (kind in densities)
    assert (forecast.df is not None) == (kind is LossKind.STUDENT_T)
    assert (forecast.quantiles is not None) == (kind is LossKind.QUANTILE)
    if forecast.quantiles is not None:
        assert forecast.quantiles.shape == (BATCH, 5)
        assert torch.equal(forecast.quantiles[:, 2], forecast.location)


def test_untrained_network_forecasts_the_volatility() -> None:
    gaussian, log_volatility = forecast_of(LossKind.GAUSSIAN_NLL)
    assert torch.allclose(gaussian.log_scale, log_volatility, atol=1e-6)
    assert torch.equal(gaussian.location, torch.zeros(BATCH))
    student, _ = forecast_of(LossKind.STUDENT_T)
    deviation = student.log_scale.exp() * (student.df / (student.df - 2.0)).sqrt()
    assert torch.allclose(deviation, log_volatility.exp(), rtol=1e-4)
    quantile, _ = forecast_of(LossKind.QUANTILE)
    standard = quantile.quantiles / log_volatility.exp().unsqueeze(-1)
    expected = torch.tensor([-1.644854, -0.674490, 0.0, 0.674490, 1.644854]).expand(BATCH, -1)
    assert torch.allclose(standard, expected, atol=1e-4)


def test_degrees_of_freedom_stay_in_their_bounds() -> None:
    head = StudentTHead(4)
    with torch.no_grad():
        head.project.weight.fill_(1.0)
    for size in (-1e6, -1e3, 0.0, 1e3, 1e6):
        distribution = head(torch.full((2, 4), size), torch.zeros(2))
        assert bool((distribution.df >= DF_MIN).all() and (distribution.df <= DF_MAX).all())
        assert bool(torch.isfinite(distribution.log_scale).all())
    assert DF_MIN > 2.0


def test_quantiles_do_not_cross() -> None:
    head = QuantileHead(8)
    torch.nn.init.normal_(head.project.weight, std=5.0)
    quantiles = head(torch.randn(2000, 8), torch.randn(2000)).quantiles
    assert bool((quantiles.diff(dim=-1) >= 0).all())


def test_the_newest_bar_is_always_inside_a_patch() -> None:
    embedding = PatchEmbedding(SMALL, features=1)
    assert embedding.patches == 4
    with torch.no_grad():
        embedding.project.weight.fill_(1.0)
        embedding.position.zero_()
    window = torch.zeros(1, SMALL.context_bars, 1)
    window[0, -1, 0] = 1.0
    assert embedding(window)[0, :, 0].tolist() == [0.0, 0.0, 0.0, 1.0]
    window = torch.zeros(1, SMALL.context_bars, 1)
    window[0, :2] = 1.0  # fills no whole patch
    assert not bool(embedding(window).any())


def test_overlapping_and_adjacent_patches_are_laid_alike() -> None:
    adjacent = PatchEmbedding(SMALL.model_copy(update={"patch_stride": 6}), features=3)
    window = torch.randn(2, SMALL.context_bars, 3)
    by_reshape = adjacent(window)
    bars = window[:, adjacent.skipped :]
    unfolded = bars.unfold(1, 6, 6).transpose(2, 3).flatten(2)
    assert torch.allclose(by_reshape, adjacent.project(unfolded) + adjacent.position)


@pytest.mark.parametrize("variant", Variant)
def test_every_preset_builds_and_takes_a_batch(variant: Variant) -> None:
    config = compose_config({"data": {"source": "a.csv"}, "model": {"variant": variant.value}})
    windows, log_volatility = inputs(config.model.context_bars)
    network = Forecaster(config.model, config.loss.kind, features=FEATURES)
    with torch.inference_mode():
        forecast = network(windows, log_volatility)
    assert forecast.location.shape == (BATCH,)
    assert forecast.short_logits.shape == (BATCH, 3)


def test_every_parameter_learns() -> None:
    label = torch.arange(BATCH) % 3
    torch.manual_seed(0)
    network = Forecaster(SMALL, LossKind.STUDENT_T, features=FEATURES)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    windows, log_volatility = inputs()
    forecast = network(windows, log_volatility)
    total_loss(
        LossConfig(),
        forecast=forecast,
        target=torch.randn(BATCH),
        short_label=label,
        long_label=label,
    ).total.backward()
    without = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


@pytest.mark.parametrize("kind", LossKind)
def test_bfloat16_autocast_leaves_the_forecast_in_float32(kind: LossKind) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        forecast, _ = forecast_of(kind, noise=0.1)
    assert {field.dtype for field in forecast if field is not None} == {torch.float32}
    assert all(bool(torch.isfinite(field).all()) for field in forecast if field is not None)


def test_directions_start_at_the_prior_and_never_stake_everything() -> None:
    head = DirectionHead(4)
    prior = torch.tensor([0.2, 0.5, 0.3])
    head.start_from(prior, outcomes=PRIOR_OUTCOMES)
    state = torch.randn(6, 4)
    assert torch.allclose(head(state).exp(), prior.expand(6, -1), atol=1e-6)
    with torch.no_grad():
        head.project.bias.copy_(torch.tensor([1e4, 0.0, 0.0]))
    assert torch.allclose(head(state).exp(), torch.tensor([0.6, 0.25, 0.15]).expand(6, -1))


@pytest.mark.parametrize("kind", LossKind)
def test_a_small_batch_can_be_learnt_by_heart(kind: LossKind) -> None:
    torch.manual_seed(0)
    network = Forecaster(SMALL, kind, features=FEATURES)
    windows, log_volatility = inputs()
    target, label = torch.randn(BATCH), torch.arange(BATCH) % 3
    for head in (network.short, network.long):
        head.start_from(torch.full((3,), 1 / 3), outcomes=1e6)
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3)
    config = LossConfig(kind=kind, weights=LossWeights(next=1.0, short=1.0, long=1.0))
    first = last = None
    for _ in range(150):
        terms = total_loss(
            config,
            forecast=network(windows, log_volatility),
            target=target,
            short_label=label,
            long_label=label,
        )
        optimizer.zero_grad()
        terms.total.backward()
        optimizer.step()
        first, last = first or terms, terms
    error = network(windows, log_volatility).location - target
    assert last.total.item() < first.total.item()
    assert last.short.item() < 0.1 * first.short.item()
    assert error.abs().mean().item() < 0.3
