"""A fit that was interrupted ends with the same bits as one that was not."""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.events import EXIT_CODES, FitFailed, FitStarted, Reason
from runs_app.forecasting.training import origin
from runs_app.forecasting.training.checkpoint import load_checkpoint
from runs_app.forecasting.training.evaluation import Evaluator
from runs_app.forecasting.training.fit import run
from runs_app.forecasting.training.module import ForecastModule
from tests.forecasting.training.conftest import write_run
from tests.forecasting.training.test_fit import events_of
from tests.forecasting.training.test_stopping import start, wait_for
from tests.synthetic import random_candles, small_config, write_candles

STEPS = 9
"""Per epoch; odd, and not a multiple of how often a step is reported."""


def config_for(**train: Any) -> RunConfig:
    """Dropout on, a learning rate at which early stopping has something to stop."""
    fixed = {
        "max_epochs": 30, "batch_size": 48, "steps_per_epoch": STEPS, "learning_rate": 0.1,
        "warmup_steps": 5, "early_stopping_patience": 3, "log_every_steps": 4,
    }  # fmt: skip
    return small_config(train=fixed | train, model={"dropout": 0.3})


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, data_root: Path) -> Path:
    run_dir = write_run(tmp_path_factory.mktemp("runs") / "whole", config_for())
    assert run(run_dir, data_root, progress=False) == 0
    return run_dir


@contextmanager
def stopped_at(step: int) -> Iterator[None]:
    """SIGTERM to this process while optimizer step ``step`` is taken."""
    take_step = ForecastModule.take_step

    def stop(module: ForecastModule) -> None:
        take_step(module)
        if module.record.step + 1 == step:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ForecastModule, "take_step", stop)
        yield


@contextmanager
def stopped_in_validation(number: int) -> Iterator[None]:
    """SIGTERM when the ``number``-th validation begins."""
    forecast = Evaluator.forecast
    count = 0

    def stop(evaluator: Evaluator, *arguments: Any) -> Any:
        nonlocal count
        count += 1
        if count == number:
            os.kill(os.getpid(), signal.SIGTERM)
        return forecast(evaluator, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Evaluator, "forecast", stop)
        yield


def interrupt(run_dir: Path, data_root: Path, *, resuming: bool = True) -> None:
    code = run(run_dir, data_root, progress=False, resuming=resuming)
    assert code == EXIT_CODES[Reason.CANCELLED]


def started(run_dir: Path) -> list[FitStarted]:
    return [event for event in events_of(run_dir) if isinstance(event, FitStarted)]


def assert_same(run_dir: Path, other: Path) -> None:
    """Weights, optimizer, random state, history, scores and predictions, bit for bit."""
    for name in ("last.ckpt", "best.ckpt"):
        ours, theirs = (load_checkpoint(d / "checkpoints" / name) for d in (run_dir, other))
        for key in ("network", "optimizer", "torch_rng_state", "order", "step", "epoch", "metrics"):
            assert_equal(ours[key], theirs[key], f"{name}: {key}")
        ours["record"]["history"] = timeless(ours["record"]["history"])
        theirs["record"]["history"] = timeless(theirs["record"]["history"])
        assert ours["record"] == theirs["record"]
    ours, theirs = (json.loads((d / "metrics.json").read_text()) for d in (run_dir, other))
    assert timeless(ours["history"]) == timeless(theirs["history"])
    for key in ("best_epoch", "epochs", "steps", "message"):
        assert ours[key] == theirs[key]
    frames = [pd.read_parquet(d / "predictions.parquet") for d in (run_dir, other)]
    pd.testing.assert_frame_equal(*frames, check_exact=True)


def assert_equal(ours: Any, theirs: Any, where: str) -> None:
    if isinstance(ours, torch.Tensor):
        assert torch.equal(ours, theirs), where
    elif isinstance(ours, dict):
        assert ours.keys() == theirs.keys()
        for key in ours:
            assert_equal(ours[key], theirs[key], f"{where}.{key}")
    elif isinstance(ours, list | tuple):
        assert len(ours) == len(theirs)
        for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            assert_equal(one, other, f"{where}[{number}]")
    else:
        assert ours == theirs, where


def timeless(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in history]


def test_the_fit_to_compare_with_stops_early(uninterrupted: Path) -> None:
    summary = json.loads((uninterrupted / "metrics.json").read_text())
    assert summary["message"].startswith("Stopped early")
    assert 2 < summary["epochs"] < 30
    assert started(uninterrupted)[0].resume is None


@pytest.mark.parametrize("seed", [1, 2])
def test_interrupted_at_random_steps_it_ends_with_the_same_bits(
    seed: int, tmp_path: Path, data_root: Path, uninterrupted: Path
) -> None:
    steps = load_checkpoint(uninterrupted / "checkpoints" / "last.ckpt")["step"]
    stops = sorted(random.Random(seed).sample(range(1, steps), 3))
    run_dir = write_run(tmp_path, config_for())
    for number, step in enumerate(stops):
        with stopped_at(step):
            interrupt(run_dir, data_root, resuming=number > 0)
    assert run(run_dir, data_root, progress=False, resuming=True) == 0
    events = started(run_dir)
    assert [event.resumed_from_step for event in events] == [None, *stops]
    assert [event.resume for event in events[1:]] == ["exact"] * 3
    assert_same(run_dir, uninterrupted)


@pytest.mark.parametrize(
    "interruption",
    [lambda: stopped_at(STEPS), lambda: stopped_at(2 * STEPS), lambda: stopped_in_validation(2)],
    ids=["last step of the first epoch", "last step of the second", "second validation"],
)
def test_interrupted_between_two_epochs(
    interruption: Callable[[], Any], tmp_path: Path, data_root: Path, uninterrupted: Path
) -> None:
    run_dir = write_run(tmp_path, config_for())
    with interruption():
        interrupt(run_dir, data_root, resuming=False)
    assert run(run_dir, data_root, progress=False, resuming=True) == 0
    assert_same(run_dir, uninterrupted)


def test_killed_outright_it_loses_only_what_came_after_the_checkpoint(
    tmp_path: Path, data_root: Path, uninterrupted: Path
) -> None:
    often = config_for(checkpoint_every_minutes=1e-4)
    run_dir = write_run(tmp_path, often)
    process = start(run_dir, data_root)
    wait_for(run_dir, b'"path":"checkpoints/checkpoint-step[0-9]+.ckpt","epoch":2', process)
    process.kill()
    process.communicate(timeout=30)
    assert run(run_dir, data_root, progress=False, resuming=True) == 0
    resumed = started(run_dir)[-1]
    assert resumed.resumed_from_step is not None
    assert resumed.resumed_from_step > STEPS
    assert_same(run_dir, uninterrupted)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def flip(path: Path) -> None:
    payload = bytearray(path.read_bytes())
    payload[len(payload) // 2] ^= 1
    path.write_bytes(payload)


@pytest.mark.parametrize("damage", [cut, flip])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    damage: Callable[[Path], None],
    tmp_path: Path,
    data_root: Path,
    uninterrupted: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    run_dir = write_run(tmp_path, config_for())
    with stopped_at(STEPS + 4):
        interrupt(run_dir, data_root, resuming=False)
    damage(run_dir / "checkpoints" / "last.ckpt")
    assert run(run_dir, data_root, progress=False, resuming=True) == 0
    assert started(run_dir)[-1].resumed_from_step == STEPS
    said = capfd.readouterr().out
    assert "not continued from checkpoints/checkpoint-step13.ckpt" in said
    assert "has another SHA-256 than was recorded" in said
    assert "Continued from checkpoints/checkpoint-epoch1.ckpt instead" in said
    assert_same(run_dir, uninterrupted)


def test_nothing_but_damaged_checkpoints_is_a_sentence(tmp_path: Path, data_root: Path) -> None:
    run_dir = write_run(tmp_path, config_for())
    with stopped_at(3):
        interrupt(run_dir, data_root, resuming=False)
    flip(run_dir / "checkpoints" / "last.ckpt")
    assert run(run_dir, data_root, progress=False, resuming=True) != 0
    failed = events_of(run_dir)[-1]
    assert isinstance(failed, FitFailed)
    assert failed.reason is Reason.DATA
    assert "The only checkpoint is not what was once written" in failed.message
    assert (run_dir / "checkpoints" / "last.ckpt").exists()


def test_without_a_checkpoint_it_starts_over(tmp_path: Path, data_root: Path) -> None:
    run_dir = write_run(tmp_path, config_for(max_epochs=1))
    assert run(run_dir, data_root, progress=False, resuming=True) == 0
    assert started(run_dir)[-1].resumed_from_step is None


def test_a_change_of_the_surroundings_makes_it_approximate(
    tmp_path: Path, data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir = write_run(tmp_path, config_for(max_epochs=1))
    with stopped_at(3):
        interrupt(run_dir, data_root, resuming=False)
    monkeypatch.setattr(origin, "_processor", lambda: "Another processor")
    assert run(run_dir, data_root, progress=False, resuming=True) == 0
    event = started(run_dir)[-1]
    assert event.resume == "approximate"
    assert event.resume_reason.startswith("processor was ")
    assert "and is Another processor" in event.resume_reason


def test_each_thing_that_may_change_the_last_bits_is_named() -> None:
    here = {
        "data": "d", "torch": "2.13", "device": "CPU", "threads": "1", "processor": "P",
        "compile": "off",
    }  # fmt: skip
    assert origin.differences(here, here) == []
    for name, value in (("torch", "2.14"), ("threads", "2"), ("processor", "Q")):
        (reason,) = origin.differences(here, here | {name: value})
        assert reason == f"{name} was {here[name]} and is {value}"
    gpu = here | {"device": "H200"}
    assert origin.differences(gpu, gpu) == ["H200 adds numbers in no fixed order"]
    compiling = here | {"compile": "on"}
    assert origin.differences(compiling, compiling) == ["torch.compile may choose other kernels"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"model": {"d_model": 32}}, "The part model of config.yaml has changed"),
        ({"train": {"batch_size": 32}}, "train.batch_size in config.yaml has changed"),
    ],
)
def test_another_configuration_is_refused(
    change: dict[str, Any], sentence: str, tmp_path: Path, data_root: Path
) -> None:
    run_dir = write_run(tmp_path, config_for())
    with stopped_at(3):
        interrupt(run_dir, data_root, resuming=False)
    changed = config_for().model_dump(mode="json")
    for section, values in change.items():
        changed[section] |= values
    write_run(run_dir, RunConfig.model_validate(changed))
    run(run_dir, data_root, progress=False, resuming=True)
    failed = events_of(run_dir)[-1]
    assert isinstance(failed, FitFailed)
    assert failed.reason is Reason.CONFIG
    ((field, message),) = failed.fields.items()
    assert field in {f"{section}.{name}" for section, values in change.items() for name in values}
    assert sentence in failed.message == message


def test_other_candles_are_refused(tmp_path: Path) -> None:
    write_candles(tmp_path / "candles.csv", random_candles(4000))
    run_dir = write_run(tmp_path / "run", config_for())
    with stopped_at(3):
        interrupt(run_dir, tmp_path, resuming=False)
    write_candles(tmp_path / "candles.csv", random_candles(4000, seed=1))
    run(run_dir, tmp_path, progress=False, resuming=True)
    failed = events_of(run_dir)[-1]
    assert isinstance(failed, FitFailed)
    assert failed.reason is Reason.DATA
    assert "give other inputs" in failed.message
