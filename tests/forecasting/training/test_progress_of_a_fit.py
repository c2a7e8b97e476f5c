"""The mark moves wherever a fit gets on, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from runs_app.forecasting import progress
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.network.attention import EncoderLayer
from runs_app.forecasting.training import fit, long_steps, outcome, rollback
from runs_app.forecasting.training.assembly import build_trainer
from runs_app.forecasting.training.fit import run
from runs_app.forecasting.training.long_steps import mark_inside_steps, work_of_step
from tests.forecasting.training.conftest import write_run
from tests.forecasting.training.test_stability import fit_for
from tests.synthetic import random_candles, small_config

TRAIN = {"max_epochs": 2, "batch_size": 64, "steps_per_epoch": 6}

STAGES: dict[str, tuple[Any, str]] = {
    "preparation": (fit, "prepare"),
    "baselines": (fit, "assemble"),
    "their scores": (fit, "score_baselines"),
    "training": (rollback, "build_trainer"),
    "calibration": (outcome, "calibrate"),
    "predictions": (outcome, "write_predictions"),
    "leak check": (outcome, "check_leaks"),
    "judgement": (outcome, "judge_fit"),
}


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_moves_the_mark(
    stage: str, tmp_path: Path, data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir = write_run(tmp_path, small_config(train=TRAIN))
    place, name = STAGES[stage]
    work: Callable[..., Any] = getattr(place, name)
    moved: list[int] = []

    def watched(*arguments: Any, **named: Any) -> Any:
        before = progress.read_progress(run_dir) or 0
        found = work(*arguments, **named)
        moved.append((progress.read_progress(run_dir) or 0) - before)
        return found

    def watched_trainer(*arguments: Any) -> Any:
        trainer = work(*arguments)
        trainer.fit, whole = (lambda *those: train(whole, *those)), trainer.fit
        return trainer

    def train(whole: Callable[..., Any], *those: Any) -> None:
        before = progress.read_progress(run_dir) or 0
        whole(*those)
        moved.append((progress.read_progress(run_dir) or 0) - before)

    monkeypatch.setattr(place, name, watched_trainer if stage == "training" else watched)
    assert run(run_dir, data_root, progress=False) == 0
    least = {"predictions": 0, "training": 2 * 6 + 2 * 3, "judgement": 8, "leak check": 100}
    assert moved[0] >= least.get(stage, 2)


def slow_config() -> RunConfig:
    return small_config(train=TRAIN, model={"layers": 3})


def test_the_layers_of_a_long_step_mark_their_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: dict[bool, int] = {}
    weights: dict[bool, list[torch.Tensor]] = {}
    for long in (False, True):
        monkeypatch.setattr(long_steps, "LONG_STEP", 0.0 if long else 1e30)
        folder = tmp_path / f"{long}"
        folder.mkdir()
        one = fit_for(folder, slow_config(), random_candles(4000))
        assert mark_inside_steps(one.module.network, one.config, 64) is long
        with progress.marking(folder):
            batch = one.table.batch(one.rows("train")[:64])
            one.module.backward_loss(one.module.forward_loss(batch))
            steps[long] = progress.read_progress(folder) or 0
            build_trainer(one).fit(one.module, one.feed)
        one.log.close()
        weights[long] = list(one.module.parameter_list)
    layers = sum(isinstance(part, EncoderLayer) for part in one.module.network.modules())
    assert steps == {False: 0, True: 2 * layers}, "forward and back"
    assert all(map(torch.equal, weights[False], weights[True]))


def test_a_small_step_is_not_long_and_a_huge_one_is(tmp_path: Path) -> None:
    one = fit_for(tmp_path, slow_config(), random_candles(4000))
    one.log.close()
    assert work_of_step(one.module.network, one.config, 64) < long_steps.LONG_STEP / 1000
    assert work_of_step(one.module.network, one.config, 10**9) > long_steps.LONG_STEP
