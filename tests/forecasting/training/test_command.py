"""The command line, and what a terminal shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from runs_app.forecasting.__main__ import main
from runs_app.forecasting.training.console import duration_text
from runs_app.forecasting.training.throughput import Throughput
from tests.forecasting.training.conftest import write_run
from tests.synthetic import small_config


def test_a_fit_prints_plain_lines_and_a_bar_only_when_asked(
    tmp_path: Path, data_root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    train = {"max_epochs": 2, "batch_size": 64, "steps_per_epoch": 3}
    run_dir = write_run(tmp_path, small_config(train=train))
    assert main([str(run_dir), "--data-root", str(data_root), "--no-progress"]) == 0
    printed = capfd.readouterr()
    lines = printed.out.splitlines()
    assert sum(line.startswith("Epoch ") for line in lines) == 2
    assert sum(line.startswith("Baseline ") for line in lines) == 4
    assert any(line.startswith("Best weights on validation") for line in lines)
    assert "\r" not in printed.out + printed.err
    assert printed.err == ""
    assert main([str(run_dir), "--data-root", str(data_root), "--progress"]) == 0
    assert "Epoch 1/2:" in capfd.readouterr().err


def test_a_scheduler_around_the_fit_is_left_alone(
    tmp_path: Path, data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a shell of a SLURM job that asked for four tasks."""
    monkeypatch.setenv("SLURM_JOB_NAME", "lab")
    monkeypatch.setenv("SLURM_NTASKS", "4")
    run_dir = write_run(tmp_path, small_config(train={"max_epochs": 1, "steps_per_epoch": 2}))
    assert main([str(run_dir), "--data-root", str(data_root), "--no-progress"]) == 0


def test_a_folder_that_is_not_there_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path / "nowhere")])
    assert ended.value.code == 2
    assert "is no folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.4, "4 s"), (89, "89 s"), (100, "2 min"), (7500, "2 h 05 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_eta_counts_validations_and_the_final_scoring() -> None:
    throughput = Throughput(steps_per_epoch=10, max_epochs=3, evaluation_share=2.0)
    assert throughput.eta_seconds(1) is None
    throughput.seconds_per_step, throughput.seconds_per_validation = 0.5, 4.0
    assert throughput.eta_seconds(10) == pytest.approx(20 * 0.5 + 2 * 4.0 + 2 * 4.0)
    assert throughput.eta_seconds(30) == pytest.approx(2 * 4.0)
