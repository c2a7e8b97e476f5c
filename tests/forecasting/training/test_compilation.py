"""``train.compile``: the same numbers, or a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from runs_app.forecasting.config.half_lives import HALF_LIVES_BARS
from runs_app.forecasting.data.prepare import PreparedData
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.forecasting.events import EXIT_CODES, FitFailed, Reason
from runs_app.forecasting.network.forecaster import Forecaster
from runs_app.forecasting.training import compilation
from runs_app.forecasting.training.assembly import build_network
from runs_app.forecasting.training.compilation import compiled
from runs_app.forecasting.training.feed import DecisionTable
from runs_app.forecasting.training.fit import run
from tests.forecasting.training.conftest import write_run
from tests.forecasting.training.test_fit import events_of
from tests.synthetic import small_config

CPU = torch.device("cpu")


def table_of(data: PreparedData) -> DecisionTable:
    return DecisionTable.on_device(data, context_bars=16, device=CPU)


def test_without_a_compiler_the_field_is_named(
    tmp_path: Path, data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compilation.shutil, "which", lambda _: None)
    run_dir = write_run(tmp_path, small_config(train={"compile": True}))
    assert run(run_dir, data_root, progress=False) == EXIT_CODES[Reason.CONFIG]
    failed = events_of(run_dir)[-1]
    assert isinstance(failed, FitFailed)
    assert "needs a C++ compiler on the worker's machine (g++ or clang++)" in failed.message
    assert failed.fields.keys() == {"train.compile"}


def test_a_machine_that_cannot_compile_says_why(
    data: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> object:
        raise RuntimeError("no such backend\nand a long trace")

    monkeypatch.setattr(torch, "compile", broken)
    network = build_network(small_config(), data, table_of(data))
    with pytest.raises(ConfigInvalid, match=r"does not work on this machine \(no such backend\)"):
        compiled(network, CPU)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_compiled_network_gives_the_same_forecast() -> None:
    if not any(compilation.shutil.which(name) for name in compilation.COMPILERS):
        pytest.skip("NOT RUN: this machine has no C++ compiler.")
    config = small_config(model={"dropout": 0.0, "d_model": 8, "heads": 1})
    network = Forecaster(config.model, config.loss.kind, features=[3])
    windows, log_volatility = [torch.randn(8, 16, 3)], torch.randn(8, len(HALF_LIVES_BARS))
    plain = network(windows, log_volatility)
    fast = compiled(network, CPU)(windows, log_volatility)
    for one, other in zip(plain, fast, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            assert torch.allclose(one, other, atol=1e-4)
