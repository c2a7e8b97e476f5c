"""A fit that starts from another run's weights."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.events import INIT_FILE, FitFailed, FitStarted, Reason, RolledBack
from runs_app.forecasting.training.checkpoint import load_checkpoint
from runs_app.forecasting.training.fit import run
from runs_app.forecasting.training.module import ForecastModule
from tests.forecasting.training.conftest import write_run
from tests.forecasting.training.test_fit import events_of
from tests.forecasting.training.test_resume import interrupt, started, stopped_at
from tests.forecasting.training.test_rollback import spoilt
from tests.synthetic import small_config

TRAIN = {"max_epochs": 2, "batch_size": 64, "steps_per_epoch": 6, "seed": 1}


def config_for(**sections: Any) -> RunConfig:
    return small_config(train=TRAIN | sections.pop("train", {}), **sections)


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory, data_root: Path) -> Path:
    run_dir = write_run(tmp_path_factory.mktemp("runs") / "parent", config_for())
    assert run(run_dir, data_root, progress=False) == 0
    return run_dir / "checkpoints" / "checkpoint-epoch2.ckpt"


def branch_of(parent: Path, run_dir: Path, config: RunConfig) -> Path:
    write_run(run_dir, config)
    shutil.copyfile(parent, run_dir / INIT_FILE)
    return run_dir


def first_weights(run_dir: Path, data_root: Path, **how: Any) -> dict[str, torch.Tensor]:
    """Those before the first step of this attempt; it is cancelled after that step."""
    found: dict[str, torch.Tensor] = {}
    configure = ForecastModule.configure_optimizers

    def look(module: ForecastModule) -> Any:
        assert how.get("resuming") or module.optimizer_state is None
        found.update({k: v.clone() for k, v in module.network.state_dict().items()})
        return configure(module)

    with pytest.MonkeyPatch.context() as patch, stopped_at(how.pop("stop", 1)):
        patch.setattr(ForecastModule, "configure_optimizers", look)
        interrupt(run_dir, data_root, **how)
    return found


def test_it_starts_from_the_weights_alone_and_says_from_which(
    tmp_path: Path, data_root: Path, parent: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run_dir = branch_of(parent, tmp_path, config_for(train={"learning_rate": 1e-4, "seed": 5}))
    weights = first_weights(run_dir, data_root, resuming=False)
    theirs = load_checkpoint(parent)["network"]
    assert all(torch.equal(weights[name], theirs[name]) for name in theirs)
    event = started(run_dir)[0]
    assert event.started_from == "weights after step 12, epoch 2"
    assert (event.resumed_from_step, event.resume) == (None, None)
    assert "Starts from another run's weights after step 12, epoch 2" in capfd.readouterr().out
    last = load_checkpoint(run_dir / "checkpoints" / "last.ckpt")
    assert (last["step"], last["record"]["history"]) == (1, [])


def test_interrupted_it_goes_on_from_its_own_checkpoint(
    tmp_path: Path, data_root: Path, parent: Path
) -> None:
    run_dir = branch_of(parent, tmp_path, config_for())
    first_weights(run_dir, data_root, resuming=False, stop=3)
    mine = load_checkpoint(run_dir / "checkpoints" / "last.ckpt")["network"]
    weights = first_weights(run_dir, data_root, resuming=True, stop=5)
    assert all(torch.equal(weights[name], mine[name]) for name in mine)
    first, second = started(run_dir)
    assert (first.started_from != "", second.started_from) == (True, "")
    assert (second.resumed_from_step, second.resume) == (3, "exact")


def test_stopped_before_its_first_checkpoint_it_starts_from_the_weights_again(
    tmp_path: Path, data_root: Path, parent: Path
) -> None:
    run_dir = branch_of(parent, tmp_path, config_for())
    assert run(run_dir, data_root, progress=False, resuming=True) == 0
    assert started(run_dir)[0].started_from == "weights after step 12, epoch 2"


def test_back_at_the_start_it_has_those_weights_again(
    tmp_path: Path, data_root: Path, parent: Path
) -> None:
    run_dir = branch_of(parent, tmp_path, config_for())
    theirs = load_checkpoint(parent)["network"]
    seen: list[bool] = []
    forward = ForecastModule.forward_loss

    def look(module: ForecastModule, batch: Any) -> torch.Tensor:
        if module.record.step == 0:
            now = module.network.state_dict()
            seen.append(all(torch.equal(now[name], theirs[name]) for name in theirs))
        return forward(module, batch)

    with pytest.MonkeyPatch.context() as patch, spoilt(1):
        spoil = ForecastModule.forward_loss
        forward = spoil
        patch.setattr(ForecastModule, "forward_loss", look)
        assert run(run_dir, data_root, progress=False) == 0
    assert any(isinstance(event, RolledBack) for event in events_of(run_dir))
    assert seen == [True, True]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"model": {"d_model": 32}}, "model.d_model"),
        ({"model": {"context_bars": 24}}, "model.context_bars"),
        ({"data": {"timeframes": ("1m",)}}, "data.timeframes"),
        ({"features": {"calendar": False}}, "features"),
        ({"loss": {"kind": "gaussian_nll"}}, "loss.kind"),
    ],
)
def test_weights_that_do_not_fit_are_refused_with_the_field(
    change: dict[str, Any], field: str, tmp_path: Path, data_root: Path, parent: Path
) -> None:
    changed = config_for().model_dump(mode="json")
    for section, values in change.items():
        changed[section] |= values
    run_dir = branch_of(parent, tmp_path, RunConfig.model_validate(changed))
    run(run_dir, data_root, progress=False)
    failed = events_of(run_dir)[-1]
    assert isinstance(failed, FitFailed)
    assert failed.reason is Reason.CONFIG
    assert field in failed.fields
    assert "take the old value, or start without these weights" in failed.fields[field]
    assert not any(isinstance(event, FitStarted) for event in events_of(run_dir))


def test_a_damaged_file_is_refused(tmp_path: Path, data_root: Path, parent: Path) -> None:
    run_dir = branch_of(parent, tmp_path, config_for())
    path = run_dir / INIT_FILE
    path.write_bytes(path.read_bytes()[:-300])
    run(run_dir, data_root, progress=False)
    failed = events_of(run_dir)[-1]
    assert isinstance(failed, FitFailed)
    assert failed.reason is Reason.DATA
    assert "init.ckpt" in failed.message
