"""A step of several forward passes learns what one big batch learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.prepare import PreparedData
from runs_app.forecasting.events import FitStarted, RolledBack, StepTaken
from runs_app.forecasting.training.assembly import Fit, assemble
from runs_app.forecasting.training.checkpoint import load_checkpoint
from runs_app.forecasting.training.event_log import EventLog
from runs_app.forecasting.training.fit import run
from runs_app.forecasting.training.pieces import Pieces, PiecewiseModule
from runs_app.forecasting.training.stopping import StopSignal
from runs_app.forecasting.training.throughput import Throughput
from tests.forecasting.training.conftest import write_run
from tests.forecasting.training.test_fit import events_of
from tests.forecasting.training.test_resume import assert_same, interrupt, stopped_at
from tests.forecasting.training.test_rollback import spoilt
from tests.synthetic import small_config

CPU = torch.device("cpu")


def config_for(dropout: float = 0.0, **train: Any) -> RunConfig:
    fixed = {"max_epochs": 2, "steps_per_epoch": 7, "log_every_steps": 3}
    return small_config(train=fixed | train, model={"dropout": dropout})


def fit_of(config: RunConfig, data: PreparedData, folder: Path) -> Fit:
    log = EventLog(folder / "events.jsonl")
    fit = assemble(folder, config, data, device=CPU, log=log, stop=StopSignal(), progress=False)
    log.close()
    return fit


def gradients(fit: Fit, step: Any) -> list[torch.Tensor]:
    if isinstance(fit.module, PiecewiseModule):
        loss = fit.module.backward_pieces(step)
    else:
        loss = fit.module.backward_loss(fit.module.forward_loss(step))
    found = [p.grad for p in fit.module.parameter_list if p.grad is not None]
    return [loss, *found]


@pytest.mark.parametrize(("step", "sizes"), [(0, [32] * 4), (-1, [32, 32, 8])])
def test_the_gradients_are_those_of_one_big_batch(
    step: int, sizes: list[int], data: PreparedData, tmp_path: Path
) -> None:
    whole = fit_of(config_for(batch_size=128, steps_per_epoch=None), data, tmp_path)
    parts = fit_of(config_for(batch_size=32, accumulation=4, steps_per_epoch=None), data, tmp_path)
    assert len(whole.feed) == len(parts.feed)
    big, pieces = list(whole.feed)[step], list(parts.feed)[step]
    assert isinstance(pieces, Pieces)
    assert [len(rows) for rows in pieces.pieces] == sizes
    assert torch.equal(torch.cat(pieces.pieces), big.rows)
    ours, theirs = gradients(parts, pieces), gradients(whole, big)
    assert len(ours) == len(theirs) > 10
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-7)


def test_it_ends_with_the_weights_of_the_big_batch(tmp_path: Path, data_root: Path) -> None:
    for name, train in (
        ("whole", {"batch_size": 64}), ("parts", {"batch_size": 16, "accumulation": 4})
    ):  # fmt: skip
        run_dir = write_run(tmp_path / name, config_for(**train))
        assert run(run_dir, data_root, progress=False) == 0
    ours, theirs = (
        load_checkpoint(tmp_path / name / "checkpoints" / "last.ckpt")
        for name in ("parts", "whole")
    )
    assert ours["step"] == theirs["step"] == 14
    for name, weight in ours["network"].items():
        torch.testing.assert_close(weight, theirs["network"][name], rtol=1e-3, atol=1e-4)


def test_an_interrupted_fit_ends_with_the_same_bits(tmp_path: Path, data_root: Path) -> None:
    config = config_for(dropout=0.3, batch_size=24, accumulation=2)
    whole = write_run(tmp_path / "whole", config)
    assert run(whole, data_root, progress=False) == 0
    stopped = write_run(tmp_path / "stopped", config)
    with stopped_at(4):
        interrupt(stopped, data_root, resuming=False)
    assert run(stopped, data_root, progress=False, resuming=True) == 0
    started = [event for event in events_of(stopped) if isinstance(event, FitStarted)]
    assert (started[-1].resumed_from_step, started[-1].resume) == (4, "exact")
    assert_same(stopped, whole)


def test_another_division_of_a_step_is_approximate(tmp_path: Path, data_root: Path) -> None:
    run_dir = write_run(tmp_path, config_for(batch_size=48))
    with stopped_at(4):
        interrupt(run_dir, data_root, resuming=False)
    write_run(run_dir, config_for(batch_size=24, accumulation=2))
    assert run(run_dir, data_root, progress=False, resuming=True) == 0
    started = [event for event in events_of(run_dir) if isinstance(event, FitStarted)]
    assert (started[-1].resumed_from_step, started[-1].resume) == (4, "approximate")
    assert "train.accumulation was 1 and is 2" in started[-1].resume_reason


def test_throughput_counts_all_windows(
    tmp_path: Path, data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Throughput, "steps_per_second", lambda self: 2.0)
    run_dir = write_run(tmp_path, config_for(batch_size=16, accumulation=3, max_epochs=1))
    assert run(run_dir, data_root, progress=False) == 0
    steps = [event for event in events_of(run_dir) if isinstance(event, StepTaken)]
    assert [event.step for event in steps] == [1, 3, 6]
    assert {event.samples_per_second for event in steps} == {2.0 * 16 * 3}


def test_it_goes_back_from_a_piece_that_is_not_finite(tmp_path: Path, data_root: Path) -> None:
    run_dir = write_run(tmp_path, config_for(batch_size=16, accumulation=3))
    with spoilt(5) as seen:
        assert run(run_dir, data_root, progress=False) == 0
    (back,) = [event for event in events_of(run_dir) if isinstance(event, RolledBack)]
    assert (back.from_step, back.to_step) == (1, 0)
    assert len(seen) == 2 * 3 + 2 * 7 * 3
