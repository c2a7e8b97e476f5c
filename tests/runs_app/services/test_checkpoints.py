"""Pins: the row, the file the trainer reads and the API agree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runs_app.errors import CheckpointNotFound, CheckpointUnusable, RunNotFound
from runs_app.execution import run_directory
from runs_app.forecasting.pins import PINS_FILE, read_pins
from runs_app.models import TrainingRun
from runs_app.services.checkpoints import find_checkpoint, pin_checkpoint
from tests.factories import MOMENT, make_checkpoint, make_running_run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("runs_root")]

ONE, TWO = (f"checkpoints/checkpoint-epoch{epoch}.ckpt" for epoch in (1, 2))


@pytest.fixture
def run() -> TrainingRun:
    """A run that trains: two epochs, the first the best, and the middle of the third."""
    made = make_running_run()
    folder = run_directory.make(made.uid) / "checkpoints"
    folder.mkdir()
    make_checkpoint(made, 1, is_best=True)
    make_checkpoint(made, 2)
    make_checkpoint(made, 3, path="checkpoints/last.ckpt", is_last=True, val_loss=None)
    for row in made.checkpoints.all():
        (run_directory.path_of(made.uid) / row.path).write_bytes(b"weights")
    return made


def pinned(run: TrainingRun) -> list[str]:
    """Pinned paths by the rows, after a look that the file says the same."""
    rows = list(run.checkpoints.filter(pinned=True).values_list("path", flat=True))
    assert read_pins(run_directory.path_of(run.uid)) == set(rows)
    return rows


def test_pin_and_unpin(run: TrainingRun) -> None:
    assert pinned(run) == []
    assert pin_checkpoint(run.uid, "checkpoint-epoch2.ckpt", pinned=True).pinned
    pin_checkpoint(run.uid, ONE, pinned=True)
    pin_checkpoint(run.uid, ONE, pinned=True)
    assert pinned(run) == [ONE, TWO]
    assert not pin_checkpoint(run.uid, "checkpoint-epoch1.ckpt", pinned=False).pinned
    assert pinned(run) == [TWO]


def test_best_names_the_epoch_behind_it(run: TrainingRun) -> None:
    pin_checkpoint(run.uid, "best", pinned=True)
    assert pinned(run) == [ONE]
    pin_checkpoint(run.uid, "best.ckpt", pinned=False)
    assert pinned(run) == []


def test_the_middle_of_an_epoch_is_not_pinned(run: TrainingRun) -> None:
    with pytest.raises(CheckpointUnusable, match="pin the checkpoint of a whole epoch"):
        pin_checkpoint(run.uid, "last.ckpt", pinned=True)
    run.checkpoints.filter(path__endswith="last.ckpt").delete()
    run.checkpoints.filter(path=TWO).update(is_last=True)
    pin_checkpoint(run.uid, "last", pinned=True)
    assert pinned(run) == [TWO]


def test_what_was_removed_meanwhile(run: TrainingRun) -> None:
    pin_checkpoint(run.uid, ONE, pinned=True)
    (run_directory.path_of(run.uid) / TWO).unlink()
    with pytest.raises(CheckpointUnusable, match="removed a moment ago"):
        pin_checkpoint(run.uid, TWO, pinned=True)
    assert pinned(run) == [ONE]
    run.checkpoints.filter(path=TWO).delete()
    with pytest.raises(CheckpointNotFound, match="may have been removed"):
        pin_checkpoint(run.uid, TWO, pinned=True)
    assert pinned(run) == [ONE]


def test_a_list_that_cannot_be_written_leaves_the_row_as_it_was(
    run: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        pin_checkpoint(run.uid, ONE, pinned=True)
    monkeypatch.undo()
    assert pinned(run) == []


def test_what_is_not_there(run: TrainingRun) -> None:
    with pytest.raises(RunNotFound):
        pin_checkpoint("nosuchrun", ONE, pinned=True)
    for name in ("nothing", "../../etc/passwd", "a\x00b", "x" * 300):
        with pytest.raises(CheckpointNotFound):
            pin_checkpoint(run.uid, name, pinned=True)
    TrainingRun.objects.filter(pk=run.pk).update(trashed_at=MOMENT)
    with pytest.raises(CheckpointUnusable, match="in the trash"):
        pin_checkpoint(run.uid, ONE, pinned=True)
    assert not (run_directory.path_of(run.uid) / PINS_FILE).exists()


def test_the_file_is_what_the_trainer_reads(run: TrainingRun) -> None:
    pin_checkpoint(run.uid, TWO, pinned=True)
    assert json.loads((run_directory.path_of(run.uid) / PINS_FILE).read_text()) == [TWO]


def test_without_a_name_it_is_the_best_else_the_newest(run: TrainingRun) -> None:
    assert find_checkpoint(run).path == ONE
    run.checkpoints.update(is_best=False)
    assert find_checkpoint(run).path == "checkpoints/last.ckpt"
    run.checkpoints.all().delete()
    with pytest.raises(CheckpointNotFound, match="no checkpoint yet"):
        find_checkpoint(run)
