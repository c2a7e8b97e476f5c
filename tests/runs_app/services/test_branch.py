"""Branch: a new run that starts from the weights of a checkpoint."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from runs_app.choices import Kinship, RunStatus
from runs_app.errors import CheckpointNotFound, CheckpointUnusable, RunNotCopyable
from runs_app.execution import run_directory, wakeups
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.forecasting.events import INIT_FILE
from runs_app.models import Checkpoint, TrainingRun
from runs_app.services.branch import FIXED, branch_run
from tests.factories import MOMENT, make_checkpoint, make_completed_run, make_config

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("runs_root", "candles", "no_broker")]


@pytest.fixture
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeups, "wake", lambda _: None)


@pytest.fixture
def parent() -> TrainingRun:
    """A completed run with the files of three epochs, of which the second is the best."""
    config = make_config(data={"source": "BTCUSDT_1m.csv"}).model_dump(mode="json")
    run = make_completed_run(name="mine", config=config)
    folder = run_directory.make(run.uid) / "checkpoints"
    folder.mkdir()
    for epoch in (1, 2, 3):
        content = os.urandom(5000)
        (folder / f"checkpoint-epoch{epoch}.ckpt").write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        make_checkpoint(
            run, epoch, sha256=digest, step=1000 * epoch, is_best=epoch == 2, is_last=epoch == 3
        )
    return run


def leftovers(run: TrainingRun) -> list[str]:
    """Hidden files in the run's directory."""
    return [path.name for path in run_directory.path_of(run.uid).iterdir() if path.name[0] == "."]


@pytest.mark.parametrize(
    ("wanted", "epoch"),
    [
        ("", 2), ("best", 2), ("best.ckpt", 2), ("last", 3), ("checkpoint-epoch1.ckpt", 1),
        ("checkpoints/checkpoint-epoch1.ckpt", 1),
    ],
)  # fmt: skip
def test_a_branch_has_a_copy_of_the_weights(parent: TrainingRun, wanted: str, epoch: int) -> None:
    new = branch_run(parent.uid, wanted, {"learning_rate": 1e-5})

    assert (new.status, new.parent, new.kinship) == (RunStatus.PENDING, parent, Kinship.BRANCH)
    assert new.parent_checkpoint == f"checkpoint-epoch{epoch} (step {epoch},000)"
    assert new.name == "branch of mine"
    assert new.config["train"]["learning_rate"] == 1e-5
    init = run_directory.path_of(new.uid) / INIT_FILE
    source = run_directory.path_of(parent.uid) / f"checkpoints/checkpoint-epoch{epoch}.ckpt"
    assert init.read_bytes() == source.read_bytes()
    assert init.stat().st_ino != source.stat().st_ino, "a copy and no link"
    assert leftovers(parent) == []


def test_without_a_best_checkpoint_it_is_the_last(parent: TrainingRun) -> None:
    parent.checkpoints.update(is_best=False)
    assert branch_run(parent.uid).parent_checkpoint == "checkpoint-epoch3 (step 3,000)"


@pytest.mark.parametrize("damage", ["changed", "cut", "gone", "link", "foreign link"])
def test_weights_that_are_not_what_was_saved_are_refused(
    parent: TrainingRun, damage: str, tmp_path: Path, runs_root: Path
) -> None:
    row = parent.checkpoints.get(is_best=True)
    file = run_directory.path_of(parent.uid) / row.path
    content = file.read_bytes()
    file.unlink()
    if damage == "changed":
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "cut":
        file.write_bytes(content[:-1])
    elif damage != "gone":
        (tmp_path / "elsewhere").write_bytes(content)
        link = file.symlink_to if damage == "link" else file.hardlink_to
        link(tmp_path / "elsewhere")

    with pytest.raises(CheckpointUnusable, match="Branch from another checkpoint"):
        branch_run(parent.uid)

    assert TrainingRun.objects.count() == 1
    assert [path.name for path in runs_root.iterdir()] == [parent.uid]
    assert leftovers(parent) == []


CHANGES: dict[str, Any] = {
    "data.timeframes": ["1m", "15m"], "features.indicators": ["rsi"], "features.calendar": False,
    "features.realised": False, "model.d_model": 32, "model.layers": 3, "model.heads": 2,
    "model.context_bars": 48, "model.patch_length": 4, "model.patch_stride": 4,
    "loss.kind": "mse",
}  # fmt: skip


def test_every_fixed_field_is_tried() -> None:
    assert set(FIXED) <= CHANGES.keys(), "a new field of the network needs a case"


@pytest.mark.parametrize("path", sorted(CHANGES))
def test_what_the_weights_were_made_for_must_stay(parent: TrainingRun, path: str) -> None:
    section, _, name = path.partition(".")
    assert parent.config[section][name] != CHANGES[path]
    more = {"model.patch_stride": 4} if path == "model.patch_length" else {}
    with pytest.raises(ConfigInvalid, match="must stay .* the weights of run") as caught:
        branch_run(parent.uid, "", {path: CHANGES[path], **more})
    assert path in [error.path for error in caught.value.errors]
    assert TrainingRun.objects.count() == 1


def test_a_refusal_uses_the_names_of_its_sender(parent: TrainingRun) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        branch_run(parent.uid, "", {"d_model": 32, "regression_loss": "mse"})
    assert [error.path for error in caught.value.errors] == ["d_model", "regression_loss"]


def test_what_may_change(parent: TrainingRun) -> None:
    new = branch_run(parent.uid, "", {"dropout": 0.3, "max_epochs": 3, "short_horizon": "1h"})
    assert new.config["model"]["dropout"] == 0.3


def test_without_a_checkpoint_it_says_which_button_fits(parent: TrainingRun) -> None:
    with pytest.raises(CheckpointNotFound, match="no checkpoint checkpoint-epoch9.ckpt"):
        branch_run(parent.uid, "checkpoint-epoch9.ckpt")
    Checkpoint.objects.all().delete()
    with pytest.raises(RunNotCopyable, match="no checkpoint to branch from. Use Clone"):
        branch_run(parent.uid)
    with pytest.raises(RunNotCopyable, match="in the trash"):
        branch_run(make_completed_run(trashed_at=MOMENT).uid)


def test_a_run_that_cannot_be_stored_leaves_nothing(
    parent: TrainingRun, runs_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        branch_run(parent.uid)
    assert [path.name for path in runs_root.iterdir()] == [parent.uid]
    assert leftovers(parent) == []
    assert TrainingRun.objects.count() == 1
