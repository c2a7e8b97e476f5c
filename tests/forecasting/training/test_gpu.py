"""What only a real GPU can show; skipped where torch finds none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from runs_app.forecasting.config.document import to_yaml
from runs_app.forecasting.config.schema import Accelerator, Precision, RunConfig
from runs_app.forecasting.data.prepare import PreparedData
from runs_app.forecasting.events import EXIT_CODES, FitStarted, Reason
from runs_app.forecasting.training import rehearse_command
from runs_app.forecasting.training.checkpoint import load_checkpoint
from runs_app.forecasting.training.fit import run
from runs_app.forecasting.training.rehearsal import STEPS, rehearse
from runs_app.forecasting.training.room import need_of
from tests.forecasting.training.conftest import write_run
from tests.forecasting.training.test_fit import events_of
from tests.synthetic import small_config

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU here")

GPU = {"accelerator": Accelerator.GPU}


@pytest.mark.parametrize("precision", list(Precision))
def test_a_rehearsal_measures_the_gpu(
    precision: Precision, data_root: Path, tmp_path: Path
) -> None:
    config = small_config(train={**GPU, "precision": precision})
    found = rehearse(config, data_root, tmp_path, say=lambda _: None)
    assert found.device == torch.cuda.get_device_name()
    assert found.steps == STEPS
    assert found.peak_gpu_bytes is not None
    assert found.gpu_bytes is not None
    assert 0 < found.peak_gpu_bytes < found.gpu_bytes


def test_a_fit_takes_the_gpu_and_what_it_saves_is_read_anywhere(
    tmp_path: Path, data_root: Path
) -> None:
    config = small_config(train={**GPU, "max_epochs": 2, "steps_per_epoch": 5})
    assert run(write_run(tmp_path, config), data_root, progress=False) == 0
    started = next(event for event in events_of(tmp_path) if isinstance(event, FitStarted))
    assert started.device == torch.cuda.get_device_name()
    saved = load_checkpoint(tmp_path / "checkpoints" / "best.ckpt")
    assert all(weight.device.type == "cpu" for weight in saved["network"].values())


def test_memory_that_runs_out_on_the_way_is_told(
    data_root: Path, data: PreparedData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The estimate is a lower bound: what it lets through is refused by the GPU itself."""
    config = large()
    need = need_of(config, [len(names) for names in data.feature_names])
    rows = min(config.train.batch_size, len(data.splits["train"]))
    asked = need.network + rows * need.per_row
    taken = torch.empty(torch.cuda.mem_get_info()[0] - asked * 11 // 10, dtype=torch.uint8,
                        device="cuda")  # fmt: skip
    arguments = [to_yaml(config), "--data-root", str(data_root), "--folder", str(tmp_path)]
    status = rehearse_command.main(arguments)
    del taken
    torch.cuda.empty_cache()
    assert status == EXIT_CODES[Reason.OUT_OF_MEMORY]
    failure = json.loads(capsys.readouterr().out.splitlines()[-1])["failure"]
    assert failure["message"].startswith("The memory of the GPU is not enough")
    assert failure["asked_bytes"] > 0
    assert failure["free_bytes"] < asked // 2


def large() -> RunConfig:
    return small_config(
        model={"d_model": 512, "layers": 4, "heads": 8}, train={**GPU, "batch_size": 1024}
    )
