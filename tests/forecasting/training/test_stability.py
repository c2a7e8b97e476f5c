"""Candles and outputs at their worst: every loss, its gradient and the weights stay finite."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from runs_app.forecasting.config.schema import LossKind, Precision, RunConfig
from runs_app.forecasting.data.candles import Candles
from runs_app.forecasting.data.prepare import prepare_candles
from runs_app.forecasting.events import RolledBack, StepTaken, from_line
from runs_app.forecasting.losses.density import LOG_SCALE_FLOOR
from runs_app.forecasting.losses.forecast import Forecast
from runs_app.forecasting.losses.total import REGRESSION_LOSSES
from runs_app.forecasting.network.heads import DISTRIBUTION_HEADS, DistributionHead
from runs_app.forecasting.training.assembly import Fit, assemble, build_trainer
from runs_app.forecasting.training.event_log import EventLog
from runs_app.forecasting.training.stopping import StopSignal
from tests.synthetic import random_candles, small_config

CPU = torch.device("cpu")
LOSSES = list(LossKind)


def spoilt_candles() -> Candles:
    """Jumps of 50 deviations and back, a day at one price, and a crash that stays."""
    candles = random_candles(4000, seed=3)
    returns = np.diff(np.log(candles.close), prepend=np.log(100.0))
    jump = 50.0 * returns.std()
    for place, size in ((1200, jump), (1201, -jump), (1900, -jump), (3100, jump), (3600, -jump)):
        returns[place] += size
    returns[1300:1800] = 0.0
    close = 100.0 * np.exp(np.cumsum(returns))
    opened = np.concatenate([[100.0], close[:-1]])
    volume = candles.volume.copy()
    volume[1300:1800] = 0.0
    return dataclasses.replace(
        candles,
        open=opened,
        close=close,
        high=np.maximum(opened, close),
        low=np.minimum(opened, close),
        volume=volume,
    )


def fit_for(folder: Path, config: RunConfig, candles: Candles) -> Fit:
    """The parts of a real fit on these candles."""
    log = EventLog(folder / "events.jsonl")
    data = prepare_candles(config, candles)
    fit = assemble(folder, config, data, device=CPU, log=log, stop=StopSignal(), progress=False)
    fit.store.clear()
    return fit


def config_for(kind: LossKind, precision: Precision = Precision.FLOAT32) -> RunConfig:
    train = {
        "max_epochs": 1, "steps_per_epoch": 30, "batch_size": 64, "learning_rate": 1e-2,
        "warmup_steps": 0, "log_every_steps": 1, "precision": precision.value,
    }  # fmt: skip
    return small_config(train=train, loss={"kind": kind.value})


@pytest.mark.parametrize("precision", list(Precision))
@pytest.mark.parametrize("kind", LOSSES)
def test_jumps_of_fifty_deviations_and_a_price_that_stands_still(
    kind: LossKind, precision: Precision, tmp_path: Path
) -> None:
    fit = fit_for(tmp_path, config_for(kind, precision), spoilt_candles())
    assert float(fit.table.target.abs().max()) > 10.0
    build_trainer(fit).fit(fit.module, fit.feed)
    fit.log.close()
    events = [from_line(line) for line in (tmp_path / "events.jsonl").read_bytes().splitlines()]
    steps = [event for event in events if isinstance(event, StepTaken)]
    assert len(steps) == 30
    assert np.isfinite([[event.train_loss, event.grad_norm] for event in steps]).all()
    assert not any(isinstance(event, RolledBack) for event in events)
    assert all(bool(weight.isfinite().all()) for weight in fit.module.parameter_list)


@pytest.mark.parametrize("kind", LOSSES)
def test_under_mixed_precision_the_forecast_and_the_loss_are_float32(
    kind: LossKind, tmp_path: Path
) -> None:
    fit = fit_for(tmp_path, config_for(kind, Precision.BF16_MIXED), random_candles(4000))
    batch = fit.table.batch(fit.rows("train")[:64])
    dtypes = []
    hook = fit.module.network.encoders[0].register_forward_hook(
        lambda *parts: dtypes.append(parts[-1].dtype)
    )
    with torch.autocast("cpu", dtype=torch.bfloat16):
        forecast = fit.module.network(batch.windows, batch.log_volatility)
    terms = fit.module.score(forecast, batch)
    hook.remove()
    fit.log.close()
    assert dtypes == [torch.bfloat16]
    assert {part.dtype for part in forecast if part is not None} == {torch.float32}
    assert {part.dtype for part in terms} == {torch.float32}


def gradient_norm(fit: Fit) -> float:
    gradients = [weight.grad for weight in fit.module.parameter_list if weight.grad is not None]
    return float(torch.nn.utils.get_total_norm(gradients))


def test_gradients_are_clipped_to_the_norm_asked_for(tmp_path: Path) -> None:
    config = config_for(LossKind.MSE)
    fit = fit_for(tmp_path, config, spoilt_candles())
    fit.log.close()
    fit.module.configure_optimizers()
    optimizer = fit.module.optimizer
    assert optimizer is not None
    batch = fit.table.batch(fit.rows("train")[:64])
    loss = fit.module.backward_loss(1e9 * fit.module.forward_loss(batch))
    clipped: list[float] = []
    optimizer.register_step_pre_hook(lambda *_: clipped.append(gradient_norm(fit)))
    fit.module.update(loss, batch)
    assert fit.module.grad_norm > 1e6
    assert clipped == [pytest.approx(config.train.gradient_clip, rel=1e-4)]


HEADS: dict[LossKind, DistributionHead] = {kind: DISTRIBUTION_HEADS[kind](4) for kind in LOSSES}
WORST = st.floats(-1e3, 1e3, width=32)


@pytest.mark.parametrize("kind", LOSSES)
@given(
    outputs=st.lists(WORST, min_size=5, max_size=5),
    log_volatility=st.floats(-12.0, 12.0, width=32),
    target=st.floats(-1e4, 1e4, width=32),
)
@settings(max_examples=150, deadline=None)
def test_no_output_of_a_head_gives_a_loss_or_gradient_that_is_not_finite(
    kind: LossKind, outputs: list[float], log_volatility: float, target: float
) -> None:
    head = HEADS[kind]
    raw = torch.tensor([outputs[: head.project.out_features]], requires_grad=True)
    read = head.read(raw, torch.tensor([log_volatility]))
    forecast = Forecast(
        read.location, read.log_scale, read.df, read.quantiles, torch.zeros(1, 3), torch.zeros(1, 3)
    )
    loss = REGRESSION_LOSSES[kind](forecast=forecast, target=torch.tensor([target]))
    loss.backward()
    assert raw.grad is not None
    assert bool(loss.isfinite())
    assert bool(raw.grad.isfinite().all())
    if read.df is not None:
        assert 2.0 < read.df.item() <= 100.0
    if read.quantiles is not None:
        assert bool((read.quantiles.diff() >= 0).all())


@pytest.mark.parametrize("kind", [LossKind.GAUSSIAN_NLL, LossKind.STUDENT_T])
def test_below_the_floor_a_smaller_scale_buys_nothing(kind: LossKind) -> None:
    def loss(log_scale: float) -> float:
        forecast = Forecast(
            torch.zeros(1), torch.tensor([log_scale]), torch.tensor([6.0]), None,
            torch.zeros(1, 3), torch.zeros(1, 3),
        )  # fmt: skip
        return float(REGRESSION_LOSSES[kind](forecast=forecast, target=torch.zeros(1)))

    assert loss(LOG_SCALE_FLOOR - 1.0) == loss(LOG_SCALE_FLOOR) == loss(-80.0)
    assert loss(LOG_SCALE_FLOOR + 1.0) > loss(LOG_SCALE_FLOOR)
