"""What cannot fit is refused before it is taken, and what was refused is told in numbers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.prepare import PreparedData
from runs_app.forecasting.errors import OutOfMemory, ResumeImpossible
from runs_app.forecasting.events import CONFIG_FILE, EXIT_CODES, FitFailed, Reason
from runs_app.forecasting.network.forecaster import Forecaster
from runs_app.forecasting.training import memory, room
from runs_app.forecasting.training.failures import explain, size_text
from runs_app.forecasting.training.fit import run
from runs_app.forecasting.training.room import need_of, refuse_what_cannot_fit
from tests.forecasting.training.conftest import write_run
from tests.forecasting.training.test_fit import events_of
from tests.forecasting.training.test_stability import fit_for
from tests.synthetic import random_candles, small_config

ROOT = Path(__file__).parents[3]
CPU = torch.device("cpu")
GIB = 1024**3
CUDA = (
    "CUDA out of memory. Tried to allocate 12.00 GiB. GPU 0 has a total capacity of 79.11 GiB of "
    "which 3.10 GiB is free. Including non-PyTorch memory, this process has 76.00 GiB in use."
)


@pytest.mark.parametrize(
    ("error", "asked", "free"),
    [
        (torch.OutOfMemoryError(CUDA), 12 * GIB, int(3.1 * GIB)),
        (torch.OutOfMemoryError("CUDA out of memory."), None, None),
        (RuntimeError("CUDA error: out of memory"), None, None),
    ],
)
def test_a_gpu_says_how_much_was_asked_for_and_free(
    error: Exception, asked: int | None, free: int | None
) -> None:
    failure = explain(error)
    assert failure.reason is Reason.OUT_OF_MEMORY
    assert (failure.asked_bytes, failure.free_bytes) == (asked, free)
    assert "The memory of the GPU is not enough" in failure.message
    assert "train.batch_size" in failure.message
    if asked:
        assert ": 12.0 GiB more were asked for and 3.1 GiB were free." in failure.message


def refused_by_torch() -> Exception:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50)
    return caught.value


def refused_by_numpy() -> Exception:
    with pytest.raises(MemoryError) as caught:
        np.ones(2**50)
    return caught.value


@pytest.mark.parametrize(
    ("refused", "asked"), [(refused_by_torch, 2**52), (refused_by_numpy, 2**53)]
)
def test_the_host_says_it_too(refused: Any, asked: int) -> None:
    failure = explain(refused())
    assert failure.reason is Reason.OUT_OF_MEMORY
    assert failure.asked_bytes == asked
    assert failure.free_bytes is not None
    assert 0 < failure.free_bytes <= psutil.virtual_memory().total + psutil.swap_memory().total
    assert f"{size_text(asked)} more were asked for" in failure.message


def test_sizes_are_read_as_a_person_says_them() -> None:
    assert [size_text(n) for n in (0, 1023, 1024, 3 * GIB // 2, 2**52)] == [
        "0 bytes", "1,023 bytes", "1.0 KiB", "1.5 GiB", "4.0 PiB",
    ]  # fmt: skip


def test_a_resume_that_is_impossible_is_no_bug() -> None:
    changed = explain(ResumeImpossible("train.seed has changed", field="train.seed"))
    assert (changed.reason, list(changed.fields)) == (Reason.CONFIG, ["train.seed"])
    assert explain(ResumeImpossible("none is left")).reason is Reason.DATA


def test_the_parameters_are_counted_without_making_them(data: PreparedData) -> None:
    config = small_config()
    features = [len(names) for names in data.feature_names]
    real = Forecaster(config.model, config.loss.kind, features=features)
    assert need_of(config, features).parameters == sum(p.numel() for p in real.parameters())


def test_the_estimate_is_below_what_a_step_really_keeps(tmp_path: Path) -> None:
    """Else something would be refused that fits."""
    config = small_config(
        train={"batch_size": 256},
        model={"d_model": 64, "layers": 3, "heads": 4, "context_bars": 64, "patch_length": 4,
               "patch_stride": 4},
    )  # fmt: skip
    fit = fit_for(tmp_path, config, random_candles(4000))
    kept = 0

    def count(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal kept
        kept += tensor.numel() * tensor.element_size()
        return tensor

    batch = fit.table.batch(fit.rows("train")[:256])
    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        fit.module.forward_loss(batch)
    fit.log.close()
    windows = sum(window.numel() * 4 for window in batch.windows)
    need = need_of(config, [len(names) for names in fit.data.feature_names])
    assert 0.3 * (kept + windows) < 256 * need.per_row < kept + windows


LARGE = {"d_model": 2048, "layers": 24, "heads": 64}


def test_a_network_of_a_thousand_million_numbers_is_refused_with_its_field(
    tmp_path: Path, data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "free_bytes", lambda device: 16 * GIB)
    run_dir = write_run(tmp_path, small_config(model=LARGE))
    before = psutil.Process().memory_info().rss
    code = run(run_dir, data_root, progress=False)
    failed = events_of(run_dir)[-1]
    assert isinstance(failed, FitFailed)
    assert (code, failed.reason) == (EXIT_CODES[Reason.OUT_OF_MEMORY], Reason.OUT_OF_MEMORY)
    assert list(failed.fields) == ["model.d_model"]
    assert failed.asked_bytes is not None and failed.asked_bytes > 16 * 10**9
    assert failed.free_bytes == 16 * GIB
    assert "Lower model.d_model or model.layers" in failed.message
    assert psutil.Process().memory_info().rss - before < GIB


def test_a_batch_that_cannot_fit_is_refused_with_how_many_would(
    data: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_config(train={"batch_size": 65_536})
    need = need_of(config, [len(names) for names in data.feature_names])
    free = need.network + 100 * need.per_row
    monkeypatch.setattr(room, "free_bytes", lambda device: free)
    with pytest.raises(OutOfMemory, match="at most 100 fit") as caught:
        refuse_what_cannot_fit(config, data, CPU)
    assert caught.value.field == "train.batch_size"
    assert (caught.value.free_bytes, (caught.value.asked_bytes or 0) > free) == (free, True)
    refuse_what_cannot_fit(small_config(train={"batch_size": 100}), data, CPU)


def test_a_batch_is_never_larger_than_the_training_part(
    data: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_config(train={"batch_size": 65_536})
    need = need_of(config, [len(names) for names in data.feature_names])
    rows = len(data.splits["train"])
    monkeypatch.setattr(room, "free_bytes", lambda device: need.network + rows * need.per_row)
    refuse_what_cannot_fit(config, data, CPU)


def test_a_batch_of_a_thousand_million_names_its_field(tmp_path: Path, data_root: Path) -> None:
    run_dir = write_run(tmp_path, small_config())
    path = run_dir / CONFIG_FILE
    text = path.read_text()
    size = RunConfig.model_validate(small_config().model_dump()).train.batch_size
    path.write_text(text.replace(f"batch_size: {size}", "batch_size: 1000000000"))
    assert run(run_dir, data_root, progress=False) == EXIT_CODES[Reason.CONFIG]
    failed = events_of(run_dir)[-1]
    assert isinstance(failed, FitFailed)
    assert list(failed.fields) == ["train.batch_size"]


CHILD = """
import sys, torch
from runs_app.forecasting.training import memory
from runs_app.forecasting.training.failures import explain
memory.machine_bytes = lambda: 1024**3
with memory.within_the_machine(torch.device("cpu")):
    kept = []
    try:
        for _ in range(64):
            kept.append(torch.empty(64 * 1024**2))
    except RuntimeError as error:
        failure = explain(error)
        print(failure.reason, failure.asked_bytes, len(kept))
print(torch.empty(2 * 1024**3, dtype=torch.uint8).numel())
"""


def test_beyond_what_the_machine_has_the_kernel_refuses_before_a_page_is_touched() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD], cwd=ROOT, capture_output=True, text=True, check=True
    )  # fmt: skip
    refused, after = done.stdout.split("\n")[:2]
    reason, asked, granted = refused.split()
    assert (reason, int(asked)) == ("out_of_memory", 256 * 1024**2)
    assert 1 <= int(granted) <= 4
    assert int(after) == 2 * GIB


def test_a_containers_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    whole, free = memory.machine_bytes(), memory.free_bytes(CPU)
    assert whole >= psutil.virtual_memory().total
    for name, text in (
        ("memory.max", f"{GIB}\n"),
        ("memory.current", f"{GIB // 2}\n"),
        ("memory.stat", f"anon 5\ninactive_file {GIB // 4}\n"),
    ):
        (tmp_path / name).write_text(text)
    assert memory.machine_bytes() == GIB
    assert memory.free_bytes(CPU) == 3 * GIB // 4 < free
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.machine_bytes() == whole
