"""Which checkpoint files stay, and how they get their names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from runs_app.forecasting.errors import ConfigInvalid
from runs_app.forecasting.events import (
    CHECKPOINT_DIR,
    EVENTS_FILE,
    CheckpointRemoved,
    CheckpointSaved,
)
from runs_app.forecasting.pins import PINS_FILE, write_pins
from runs_app.forecasting.recorded import recorded_checkpoints
from runs_app.forecasting.training.checkpoint import FORMAT, load_checkpoint
from runs_app.forecasting.training.checkpoint_store import CheckpointStore
from runs_app.forecasting.training.event_log import EventLog
from runs_app.forecasting.training.record import FitRecord
from tests.forecasting.training.test_fit import events_of

LOSSES = (0.5, 0.4, 0.9, 0.3, 0.8, 0.6)
"""Validation losses by epoch; the best two are 4 and 2, the last is 6."""


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    log = EventLog(tmp_path / EVENTS_FILE)
    yield log
    log.close()


def store_of(run_dir: Path, log: EventLog, keep: int = 2) -> CheckpointStore:
    store = CheckpointStore(run_dir, keep=keep, log=log)
    store.clear()
    return store


def content(step: int) -> dict[str, Any]:
    return {"format": FORMAT, "epoch": 1, "step": step, "weights": torch.zeros(10)}


def save_epochs(store: CheckpointStore, losses: tuple[float, ...] = LOSSES) -> FitRecord:
    record = FitRecord()
    for epoch, loss in enumerate(losses, start=1):
        best = record.add({"val_loss": loss}, val_loss=loss)
        store.save_epoch(
            content(10 * epoch), epoch=epoch, step=10 * epoch, val_loss=loss, is_best=best
        )
    return record


def names(run_dir: Path) -> set[str]:
    return {path.name for path in (run_dir / CHECKPOINT_DIR).iterdir()}


def epochs(*numbers: int) -> set[str]:
    return {f"checkpoint-epoch{number}.ckpt" for number in numbers} | {"best.ckpt", "last.ckpt"}


def test_the_best_and_the_last_stay(tmp_path: Path, log: EventLog) -> None:
    save_epochs(store_of(tmp_path, log))
    folder = tmp_path / CHECKPOINT_DIR
    assert names(tmp_path) == epochs(2, 4, 6)
    assert (folder / "best.ckpt").samefile(folder / "checkpoint-epoch4.ckpt")
    assert (folder / "last.ckpt").samefile(folder / "checkpoint-epoch6.ckpt")
    listed = {path.rpartition("/")[2] for path in recorded_checkpoints(tmp_path).saved}
    assert listed == names(tmp_path) - {"best.ckpt", "last.ckpt"}


def test_a_pinned_one_stays_until_it_is_let_go(tmp_path: Path, log: EventLog) -> None:
    store = store_of(tmp_path, log)
    write_pins(tmp_path, ["checkpoints/checkpoint-epoch1.ckpt"])
    save_epochs(store)
    assert names(tmp_path) == epochs(1, 2, 4, 6)
    write_pins(tmp_path, [])
    store.save_epoch(content(70), epoch=7, step=70, val_loss=0.7, is_best=False)
    assert names(tmp_path) == epochs(2, 4, 7)


def test_with_a_broken_pins_file_nothing_is_removed(
    tmp_path: Path, log: EventLog, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_of(tmp_path, log)
    (tmp_path / PINS_FILE).write_text("[")
    save_epochs(store)
    assert names(tmp_path) == epochs(1, 2, 3, 4, 5, 6)
    assert "No checkpoint is removed until it is whole again" in caplog.text
    write_pins(tmp_path, [])
    store.save_epoch(content(70), epoch=7, step=70, val_loss=0.7, is_best=False)
    assert names(tmp_path) == epochs(2, 4, 7)


def test_starting_over_does_not_remove_what_is_pinned(tmp_path: Path, log: EventLog) -> None:
    store = store_of(tmp_path, log)
    save_epochs(store)
    for spoil in (lambda: write_pins(tmp_path, ["checkpoints/checkpoint-epoch2.ckpt"]),
                  lambda: (tmp_path / PINS_FILE).write_text("[")):  # fmt: skip
        spoil()
        with pytest.raises(ConfigInvalid, match=r"checkpoint-epoch2\.ckpt.*--resume"):
            store.clear()
        assert names(tmp_path) == epochs(2, 4, 6)
    (tmp_path / PINS_FILE).unlink()
    assert store.clear() == 3
    assert names(tmp_path) == set()
    assert recorded_checkpoints(tmp_path).saved == {}


def test_one_inside_an_epoch_is_never_written_over(tmp_path: Path, log: EventLog) -> None:
    store = store_of(tmp_path, log)
    folder = tmp_path / CHECKPOINT_DIR
    for step in (3, 6):
        store.save_last(content(step), epoch=1, step=step)
        assert names(tmp_path) == {f"checkpoint-step{step}.ckpt", "last.ckpt"}
        assert (folder / "last.ckpt").samefile(folder / f"checkpoint-step{step}.ckpt")
    save_epochs(store, (0.5,))
    assert names(tmp_path) == epochs(1)
    log.flush()
    seen = [
        ("+" if isinstance(event, CheckpointSaved) else "-", event.path.rpartition("/")[2])
        for event in events_of(tmp_path)
        if isinstance(event, CheckpointSaved | CheckpointRemoved)
    ]
    assert seen == [
        ("+", "checkpoint-step3.ckpt"),
        ("+", "checkpoint-step6.ckpt"),
        ("-", "checkpoint-step3.ckpt"),
        ("+", "checkpoint-epoch1.ckpt"),
        ("-", "checkpoint-step6.ckpt"),
    ]


def test_amending_the_best_gives_it_a_new_hash_in_the_log(tmp_path: Path, log: EventLog) -> None:
    store = store_of(tmp_path, log)
    record = save_epochs(store)
    before = recorded_checkpoints(tmp_path).saved["checkpoints/checkpoint-epoch4.ckpt"]
    store.amend_best({"calibration": {"rows": 3}}, record)
    after = recorded_checkpoints(tmp_path).saved["checkpoints/checkpoint-epoch4.ckpt"]
    assert after.sha256 != before.sha256
    assert (after.step, after.epoch, after.is_best, after.is_last) == (40, 1, True, False)
    assert load_checkpoint(store.best_path)["calibration"] == {"rows": 3}
    assert store.saved_step == 60


def test_a_file_has_no_name_before_it_is_allowed_to(
    tmp_path: Path, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments: list[tuple[bool, bool]] = []

    def look() -> None:
        unfinished = list((tmp_path / CHECKPOINT_DIR).glob(".checkpoint-step3.ckpt.*.new"))
        whole = len(unfinished) == 1 and unfinished[0].stat().st_size > 0
        moments.append((whole, (tmp_path / CHECKPOINT_DIR / "checkpoint-step3.ckpt").exists()))

    synced: list[int] = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (synced.append(file), fsync(file))[1])
    store = CheckpointStore(tmp_path, keep=1, log=log, before_naming=look)
    store.clear()
    synced.clear()
    store.save_last(content(3), epoch=1, step=3)
    assert moments == [(True, False)]
    assert len(synced) >= 3, "the file, its folder, and the log"


def test_a_full_disk_leaves_the_earlier_one_and_no_unfinished_file(
    tmp_path: Path, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_of(tmp_path, log)
    store.save_last(content(3), epoch=1, step=3)

    def refuse(file: int) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(OSError, match="No space left"):
            store.save_last(content(6), epoch=1, step=6)
    assert names(tmp_path) == {"checkpoint-step3.ckpt", "last.ckpt"}
    assert load_checkpoint(tmp_path / CHECKPOINT_DIR / "last.ckpt")["step"] == 3
