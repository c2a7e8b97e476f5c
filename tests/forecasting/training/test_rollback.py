"""A loss that is not finite: one way back, in another order, and then the end."""

from __future__ import annotations

import json
import math
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from runs_app.forecasting.errors import NonFiniteLoss
from runs_app.forecasting.events import (
    EXIT_CODES,
    FitFailed,
    FitFinished,
    FitStarted,
    Reason,
    RolledBack,
    StepTaken,
)
from runs_app.forecasting.training.checkpoint import load_checkpoint
from runs_app.forecasting.training.fit import run
from runs_app.forecasting.training.module import ForecastModule
from tests.forecasting.training.conftest import write_run
from tests.forecasting.training.test_fit import events_of
from tests.synthetic import small_config

STEPS = 6
TRAIN = {"max_epochs": 3, "batch_size": 64, "steps_per_epoch": STEPS, "log_every_steps": 1}


@contextmanager
def spoilt(*calls: int) -> Iterator[list[Tensor]]:
    """The losses of these optimizer steps, counted over the whole fit from 1, become infinite.

    Gives the decisions of every batch seen.
    """
    forward_loss = ForecastModule.forward_loss
    seen: list[Tensor] = []

    def spoil(module: ForecastModule, batch: Any) -> Tensor:
        seen.append(batch.rows)
        loss = forward_loss(module, batch)
        return loss * math.inf if len(seen) in calls else loss

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ForecastModule, "forward_loss", spoil)
        yield seen


def test_it_goes_back_once_to_the_last_checkpoint_and_says_so(
    tmp_path: Path, data_root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run_dir = write_run(tmp_path, small_config(train=TRAIN))
    with spoilt(STEPS + 3) as seen:
        assert run(run_dir, data_root, progress=False) == 0
    events = events_of(run_dir)
    back = [event for event in events if isinstance(event, RolledBack)]
    assert [(event.from_step, event.to_step) for event in back] == [(STEPS + 2, STEPS)]
    message = back[0].message
    assert "became inf at step 9 of epoch 2 on decisions between 2024-01-" in message
    assert "log scale" in message
    assert f"Warning: {message}" in capfd.readouterr().out
    after = [e.step for e in events[events.index(back[0]) :] if isinstance(e, StepTaken)]
    assert after == list(range(STEPS + 1, 3 * STEPS + 1))
    assert len([event for event in events if isinstance(event, FitStarted)]) == 1
    assert isinstance(events[-1], FitFinished)
    spoiled_pass, second_pass = seen[STEPS : STEPS + 3], seen[STEPS + 3 : 2 * STEPS + 3]
    for batch in spoiled_pass:
        assert not any(torch.equal(batch, other) for other in second_pass)
    assert json.loads((run_dir / "metrics.json").read_text())["epochs"] == 3


def test_without_a_checkpoint_it_goes_back_to_the_first_weights(
    tmp_path: Path, data_root: Path
) -> None:
    run_dir = write_run(tmp_path, small_config(train=TRAIN))
    with spoilt(4) as seen:
        assert run(run_dir, data_root, progress=False) == 0
    events = events_of(run_dir)
    back = next(event for event in events if isinstance(event, RolledBack))
    assert (back.from_step, back.to_step) == (3, 0)
    assert not any(torch.equal(seen[3], batch) for batch in seen[4:10])
    last = load_checkpoint(run_dir / "checkpoints" / "last.ckpt")
    assert (last["step"], last["record"]["rollbacks"]) == (3 * STEPS, 1)


def test_the_second_time_it_fails_with_the_dates(tmp_path: Path, data_root: Path) -> None:
    run_dir = write_run(tmp_path, small_config(train=TRAIN))
    with spoilt(4, 9):
        code = run(run_dir, data_root, progress=False)
    assert code == EXIT_CODES[Reason.NON_FINITE] == 14
    events = events_of(run_dir)
    assert sum(isinstance(event, RolledBack) for event in events) == 1
    failed = events[-1]
    assert isinstance(failed, FitFailed)
    assert failed.reason is Reason.NON_FINITE
    assert "became inf at step 5 of epoch 1 on decisions between 2024-01-" in failed.message
    assert "learning rate" in failed.message


def test_a_resumed_fit_does_not_go_back_a_second_time(tmp_path: Path, data_root: Path) -> None:
    run_dir = write_run(tmp_path, small_config(train=TRAIN))
    update = ForecastModule.update

    def stop(module: ForecastModule, *arguments: Any) -> None:
        update(module, *arguments)
        if module.record.rollbacks and module.record.step == STEPS:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.MonkeyPatch.context() as patch, spoilt(4):
        patch.setattr(ForecastModule, "update", stop)
        assert run(run_dir, data_root, progress=False) == EXIT_CODES[Reason.CANCELLED]
    with spoilt(2):
        code = run(run_dir, data_root, progress=False, resuming=True)
    assert code == EXIT_CODES[Reason.NON_FINITE]


def test_no_weight_is_touched_by_the_step_that_fails(tmp_path: Path, data_root: Path) -> None:
    run_dir = write_run(tmp_path, small_config(train=TRAIN))
    update = ForecastModule.update
    finite: list[bool] = []

    def watch(module: ForecastModule, *arguments: Any) -> None:
        try:
            update(module, *arguments)
        except NonFiniteLoss:
            finite.append(all(bool(p.isfinite().all()) for p in module.parameter_list))
            raise

    with pytest.MonkeyPatch.context() as patch, spoilt(4, 9):
        patch.setattr(ForecastModule, "update", watch)
        run(run_dir, data_root, progress=False)
    assert finite == [True, True]
