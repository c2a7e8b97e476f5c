"""Two processes, started by torchrun's agent, that train one network together over gloo."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from runs_app.forecasting.config.schema import RunConfig, TrainConfig
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.forecasting.events import (
    EXIT_CODES,
    EpochFinished,
    FitFailed,
    FitFinished,
    FitStarted,
    Reason,
)
from runs_app.forecasting.training.checkpoint import load_checkpoint
from runs_app.forecasting.training.device import choose_device
from runs_app.forecasting.training.fit import run
from tests.forecasting.training.conftest import write_run
from tests.forecasting.training.test_fit import events_of
from tests.forecasting.training.test_resume import assert_same
from tests.forecasting.training.test_stopping import start, wait_for
from tests.synthetic import small_config

SECONDS_TO_END = 60.0
"""Torch's agent gives the others 30 seconds to end when one has died."""
slow = pytest.mark.slow


def config_for(dropout: float = 0.0, **train: Any) -> RunConfig:
    fixed = {
        "max_epochs": 3, "batch_size": 32, "steps_per_epoch": 9, "log_every_steps": 1,
        "devices": 2, "learning_rate": 3e-3,
    }  # fmt: skip
    return small_config(train=fixed | train, model={"dropout": dropout})


def ranks_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The processes that ``process`` has started, by rank."""
    children = psutil.Process(process.pid).children()
    return sorted(children, key=lambda child: int(child.environ()["RANK"]))


def end(process: subprocess.Popen[bytes], ranks: list[psutil.Process]) -> int:
    """The exit status; all processes must be gone with it."""
    process.communicate(timeout=SECONDS_TO_END)
    gone, alive = psutil.wait_procs(ranks, timeout=SECONDS_TO_END)
    assert not alive
    assert len(gone) == 2
    return process.returncode


@pytest.fixture
def endless(tmp_path: Path, data_root: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A fit of two processes that would never end, after its first step."""
    run_dir = write_run(tmp_path, config_for(max_epochs=10_000, early_stopping_patience=0))
    process = start(run_dir, data_root)
    wait_for(run_dir, b'"step":1,', process)
    yield process
    if process.poll() is None:
        process.kill()
        process.communicate()


@slow
def test_two_processes_learn_what_one_learns(tmp_path: Path, data_root: Path) -> None:
    """Also where the last step of a pass is short and odd."""
    for name, train in (("two", {}), ("one", {"devices": 1, "accumulation": 2})):
        config = config_for(steps_per_epoch=None, batch_size=37, **train)
        process = start(write_run(tmp_path / name, config), data_root)
        _, errors = process.communicate(timeout=SECONDS_TO_END)
        assert process.returncode == 0, errors
    ours, theirs = (
        load_checkpoint(tmp_path / name / "checkpoints" / "last.ckpt") for name in ("two", "one")
    )
    assert ours["step"] == theirs["step"] == 3 * 29
    for name, weight in ours["network"].items():
        torch.testing.assert_close(weight, theirs["network"][name], rtol=1e-3, atol=1e-3)
    events = events_of(tmp_path / "two")
    assert sum(isinstance(event, FitStarted) for event in events) == 1
    assert isinstance(events[-1], FitFinished)
    losses = [e.metrics["val_loss"] for e in events if isinstance(e, EpochFinished)]
    assert len(losses) == 3
    assert losses[-1] < losses[0]  # type: ignore[operator]
    assert (tmp_path / "two" / "predictions.parquet").exists()
    assert not (tmp_path / "two" / ".ranks").exists()


@slow
def test_a_wish_to_stop_saves_and_the_fit_goes_on_with_the_same_bits(
    tmp_path: Path, data_root: Path
) -> None:
    config = config_for(dropout=0.3, max_epochs=6)
    whole = write_run(tmp_path / "whole", config)
    assert start(whole, data_root).wait(SECONDS_TO_END) == 0
    run_dir = write_run(tmp_path / "stopped", config)
    process = start(run_dir, data_root)
    wait_for(run_dir, b'"step":11,', process)
    ranks = ranks_of(process)
    process.terminate()
    assert end(process, ranks) == EXIT_CODES[Reason.CANCELLED]
    last = events_of(run_dir)[-1]
    assert isinstance(last, FitFinished)
    assert last.reason is Reason.CANCELLED
    step = load_checkpoint(run_dir / "checkpoints" / "last.ckpt")["step"]
    assert step >= 11
    assert start(run_dir, data_root, "--resume").wait(SECONDS_TO_END) == 0
    started = [event for event in events_of(run_dir) if isinstance(event, FitStarted)]
    assert (started[-1].resumed_from_step, started[-1].resume) == (step, "exact")
    assert_same(run_dir, whole)


@slow
@pytest.mark.parametrize("rank", [0, 1])
def test_where_one_is_killed_the_run_ends(
    rank: int, endless: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    ranks = ranks_of(endless)
    ranks[rank].kill()
    status = end(endless, ranks)
    if rank == 0:
        assert status == -signal.SIGKILL
        return
    assert status == EXIT_CODES[Reason.BUG]
    failed = events_of(tmp_path)[-1]
    assert isinstance(failed, FitFailed)
    assert failed.message.startswith("Another process of this run ended without a word")


@slow
def test_none_listens_beyond_loopback_or_outlives_the_one_that_started_them(
    endless: subprocess.Popen[bytes],
) -> None:
    ranks = ranks_of(endless)
    listening = {
        connection.laddr.ip
        for process in (psutil.Process(endless.pid), *ranks)
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}
    endless.kill()
    assert end(endless, ranks) == -signal.SIGKILL


@slow
def test_a_loss_that_is_not_finite_is_agreed_on(tmp_path: Path, data_root: Path) -> None:
    """Once all go back, the second time all end; the sentence is the first process's."""
    config = config_for(learning_rate=1.0, gradient_clip=1000.0, warmup_steps=0, max_epochs=50)
    program = tmp_path / "spoilt"
    program.mkdir()
    (program / "sitecustomize.py").write_text(SPOIL, encoding="utf-8")
    run_dir = write_run(tmp_path / "run", config)
    environ = os.environ | {"PYTHONPATH": str(program)}
    process = start(run_dir, data_root, environ=environ)
    process.communicate(timeout=SECONDS_TO_END)
    assert process.returncode == EXIT_CODES[Reason.NON_FINITE]
    kinds = [event.kind for event in events_of(run_dir)]
    assert kinds.count("rolled_back") == 1
    failed = events_of(run_dir)[-1]
    assert isinstance(failed, FitFailed)
    assert failed.reason is Reason.NON_FINITE
    assert "The training loss became inf at step 5 of epoch 1" in failed.message


SPOIL = """
import os, sys
if os.environ.get("RANK") == "1":
    import math
    from runs_app.forecasting.training.module import ForecastModule
    forward = ForecastModule.forward_loss
    calls = []
    def spoil(module, batch):
        calls.append(1)
        return forward(module, batch) * (math.inf if len(calls) in (4, 9) else 1.0)
    ForecastModule.forward_loss = spoil
"""


def test_too_few_gpus_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ConfigInvalid, match="2 GPUs are wanted and torch can use 1 here") as caught:
        choose_device(TrainConfig(devices=2), rank=1, ranks=2)
    assert [error.path for error in caught.value.errors] == ["train.devices"]


def test_one_process_cannot_stand_for_two(tmp_path: Path, data_root: Path) -> None:
    run_dir = write_run(tmp_path, config_for())
    assert run(run_dir, data_root, progress=False) == EXIT_CODES[Reason.CONFIG]
    failed = events_of(run_dir)[-1]
    assert isinstance(failed, FitFailed)
    assert list(failed.fields) == ["train.devices"]
