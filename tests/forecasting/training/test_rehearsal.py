"""The dress rehearsal: real steps, a real checkpoint, and the failure that the run would have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from runs_app.forecasting.config.document import to_yaml
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.prepare import PreparedData
from runs_app.forecasting.errors import CheckpointDamaged, OutOfMemory
from runs_app.forecasting.events import EXIT_CODES, Reason
from runs_app.forecasting.training import rehearsal, rehearse_command, room
from runs_app.forecasting.training.rehearsal import rehearse
from tests.synthetic import small_config


def changed(**train: Any) -> RunConfig:
    config = small_config()
    return config.model_copy(update={"train": config.train.model_copy(update=train)})


def test_it_takes_steps_validates_saves_loads_and_says_how_long_the_run_takes(
    data_root: Path, data: PreparedData, tmp_path: Path
) -> None:
    said: list[str] = []
    config = changed(max_epochs=7, steps_per_epoch=20)
    found = rehearse(config, data_root, tmp_path, say=said.append)
    assert found.steps == len(found.losses) == rehearsal.STEPS
    assert found.decisions == {part: len(rows) for part, rows in data.splits.items()}
    assert found.steps_per_epoch == 20
    assert found.max_epochs == 7
    epoch = 20 * found.seconds_per_step + found.seconds_per_validation
    assert found.seconds_per_epoch == pytest.approx(epoch)
    assert found.eta_seconds > 7 * epoch
    assert 0 < found.peak_memory_bytes < found.machine_bytes
    assert found.peak_gpu_bytes is None or torch.cuda.is_available()
    assert found.checkpoint_bytes == (tmp_path / "checkpoints/best.ckpt").stat().st_size
    assert found.validation_loss is not None
    assert found.batch.windows == config.train.batch_size
    assert found.batch.first <= found.batch.examples[0] <= found.batch.last
    assert [shape.timeframe for shape in found.batch.inputs] == list(data.timeframes)
    assert said[0] == "Preparing the data"
    assert any(line.startswith("Step 3 taken") for line in said)


def test_a_validation_of_some_decisions_is_told_and_timed_in_proportion(
    data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsal, "VALIDATED", 50)
    found = rehearse(changed(accumulation=2), data_root, tmp_path, say=lambda _: None)
    assert found.validated == 50
    assert any("50 of" in note for note in found.notes)
    assert found.batch.windows == 2 * small_config().train.batch_size


def test_a_network_that_does_not_come_back_as_it_was_saved_fails(
    data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(content: dict[str, Any]) -> torch.nn.Module:
        network = restore(content)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.5)
        return network

    restore = rehearsal.restore_network
    monkeypatch.setattr(rehearsal, "restore_network", other)
    with pytest.raises(CheckpointDamaged):
        rehearse(small_config(), data_root, tmp_path, say=lambda _: None)


def test_what_cannot_fit_is_refused_as_the_run_would_be(
    data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    need = room.need_of(small_config(), [19])
    monkeypatch.setattr(room, "free_bytes", lambda _: need.network * 3)
    monkeypatch.setattr(room, "need_of", lambda *_: need._replace(per_row=need.network))
    with pytest.raises(OutOfMemory):
        rehearse(small_config(), data_root, tmp_path, say=lambda _: None)
    folder = tmp_path / "again"
    folder.mkdir()
    arguments = [to_yaml(small_config()), "--data-root", str(data_root), "--folder", str(folder)]
    assert rehearse_command.main(arguments) == EXIT_CODES[Reason.OUT_OF_MEMORY]
    out, err = capsys.readouterr()
    failure = json.loads(out.splitlines()[-1])["failure"]
    assert failure["reason"] == "out_of_memory"
    assert failure["asked_bytes"] > failure["free_bytes"] > 0
    assert list(failure["fields"]) == ["train.batch_size"]
    assert failure["message"].split()[0] in err
