"""A fit goes on only from a file that is what it once wrote."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from runs_app.forecasting.events import (
    EXIT_CODES,
    CheckpointSaved,
    FitFailed,
    Reason,
)
from runs_app.forecasting.recorded import recorded_checkpoints
from runs_app.forecasting.training import checkpoint_store
from runs_app.forecasting.training.checkpoint import load_checkpoint
from runs_app.forecasting.training.event_log import EventLog
from runs_app.forecasting.training.fit import run
from tests.forecasting.training.conftest import write_run
from tests.forecasting.training.test_fit import events_of
from tests.forecasting.training.test_resume import (
    STEPS,
    config_for,
    interrupt,
    started,
    stopped_at,
)

NEWEST = f"checkpoints/checkpoint-step{2 * STEPS + 4}.ckpt"
BEFORE = "checkpoints/checkpoint-epoch2.ckpt"


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory, data_root: Path) -> Path:
    """Stopped inside its third epoch; each epoch was better than the one before."""
    run_dir = write_run(tmp_path_factory.mktemp("runs") / "half", quick())
    with stopped_at(2 * STEPS + 4):
        interrupt(run_dir, data_root, resuming=False)
    return run_dir


def quick() -> Any:
    return config_for(max_epochs=3, learning_rate=1e-3)


@pytest.fixture
def run_dir(tmp_path: Path, interrupted: Path) -> Path:
    shutil.copytree(interrupted, tmp_path / "run")
    return tmp_path / "run"


def truncate(path: Path, other: Path) -> None:
    path.write_bytes(path.read_bytes()[:-500])


def flip_a_bit(path: Path, other: Path) -> None:
    payload = bytearray(path.read_bytes())
    payload[len(payload) // 3] ^= 4
    path.write_bytes(payload)


def fill_with_zeros(path: Path, other: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def empty(path: Path, other: Path) -> None:
    path.write_bytes(b"")


def swap(path: Path, other: Path) -> None:
    """With the file of the same name of another run, which is whole."""
    shutil.copyfile(other / path.name, path)


def change(path: Path, other: Path) -> None:
    """A whole file of this very run, with other weights."""
    content = load_checkpoint(path)
    name = next(iter(content["network"]))
    content["network"][name] = content["network"][name] + 1.0
    torch.save(content, path)


def remove(path: Path, other: Path) -> None:
    path.unlink()


HARM = [truncate, flip_a_bit, fill_with_zeros, empty, swap, change, remove]


@pytest.mark.parametrize("harm", HARM)
def test_the_newest_that_is_not_what_was_written_gives_way_and_the_log_says_so(
    harm: Callable[[Path, Path], None],
    run_dir: Path,
    tmp_path: Path,
    data_root: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    other = tmp_path / "other"
    if harm is swap:
        other = write_run(other, config_for(max_epochs=3, learning_rate=1e-3, seed=8))
        with stopped_at(2 * STEPS + 4):
            interrupt(other, data_root, resuming=False)
    harm(run_dir / NEWEST, other / "checkpoints")
    assert run(run_dir, data_root, progress=False, resuming=True) == 0
    assert started(run_dir)[-1].resumed_from_step == 2 * STEPS
    said = capfd.readouterr().out
    why = "is gone" if harm is remove else "has another SHA-256 than was recorded"
    assert f"not continued from {NEWEST}" in said
    assert why in said
    assert f"Continued from {BEFORE} instead, of step {2 * STEPS}" in said
    listed_files_are_whole(run_dir)


def listed_files_are_whole(run_dir: Path) -> None:
    recorded = recorded_checkpoints(run_dir)
    assert recorded.saved
    present = {p.name for p in (run_dir / "checkpoints").iterdir()} - {"best.ckpt", "last.ckpt"}
    assert {f"checkpoints/{name}" for name in present} == set(recorded.saved)
    for path, event in recorded.saved.items():
        assert hashlib.sha256((run_dir / path).read_bytes()).hexdigest() == (event.sha256)


@pytest.mark.parametrize("harm", [flip_a_bit, remove])
def test_where_none_is_left_the_fit_is_refused_and_never_begins_anew(
    harm: Callable[[Path, Path], None], run_dir: Path, data_root: Path
) -> None:
    before = len(started(run_dir))
    for path in recorded_checkpoints(run_dir).saved:
        harm(run_dir / path, run_dir)
    code = run(run_dir, data_root, progress=False, resuming=True)
    failed = events_of(run_dir)[-1]
    assert isinstance(failed, FitFailed)
    assert (code, failed.reason) == (EXIT_CODES[Reason.DATA], Reason.DATA)
    assert "is what was once written" in failed.message
    assert "start over" in failed.message
    assert len(started(run_dir)) == before


def test_without_the_best_epochs_file_an_earlier_one_is_taken(
    run_dir: Path, data_root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    best = load_checkpoint(run_dir / NEWEST)["record"]["best_epoch"]
    assert best == 2
    flip_a_bit(run_dir / BEFORE, run_dir)
    assert run(run_dir, data_root, progress=False, resuming=True) == 0
    assert started(run_dir)[-1].resumed_from_step == STEPS
    assert "it needs the file of its best epoch" in capfd.readouterr().out


def test_a_file_without_a_record_is_not_taken_however_new(
    run_dir: Path, data_root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    planted = run_dir / "checkpoints" / "checkpoint-step999.ckpt"
    shutil.copyfile(run_dir / NEWEST, planted)
    assert run(run_dir, data_root, progress=False, resuming=True) == 0
    assert started(run_dir)[-1].resumed_from_step == 2 * STEPS + 4
    assert not planted.exists()


@pytest.mark.parametrize("moment", ["before the event", "before the links"])
def test_killed_between_the_name_and_its_event_the_file_is_used_and_announced(
    moment: str, tmp_path: Path, data_root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run_dir = write_run(tmp_path / "run", quick())
    put, link = EventLog.put, checkpoint_store.CheckpointStore._link

    class Killed(BaseException):
        pass

    def lose(log: EventLog, entry: Any) -> None:
        if isinstance(entry, CheckpointSaved) and entry.epoch == 2:
            raise Killed
        put(log, entry)

    def stop(store: Any, name: str, alias: str) -> None:
        if name == "checkpoint-epoch2.ckpt":
            raise Killed
        link(store, name, alias)

    with pytest.MonkeyPatch.context() as patch:
        if moment == "before the event":
            patch.setattr(EventLog, "put", lose)
        else:
            patch.setattr(checkpoint_store.CheckpointStore, "_link", stop)
        with pytest.raises(Killed):
            run(run_dir, data_root, progress=False)
    listed = BEFORE in recorded_checkpoints(run_dir).saved
    assert listed is (moment == "before the links")
    assert run(run_dir, data_root, progress=False, resuming=True) == 0
    assert started(run_dir)[-1].resumed_from_step == 2 * STEPS
    said = "is whole, though a kill came before its event" in capfd.readouterr().out
    assert said is (moment == "before the event")
    listed_files_are_whole(run_dir)


def test_killed_while_the_best_one_is_amended_the_log_is_put_right(
    tmp_path: Path, data_root: Path
) -> None:
    run_dir = write_run(tmp_path / "run", config_for(max_epochs=1))
    put = EventLog.put

    class Killed(BaseException):
        pass

    def lose(log: EventLog, entry: Any) -> None:
        again = isinstance(entry, CheckpointSaved) and recorded_checkpoints(run_dir).saved
        if again:
            raise Killed
        put(log, entry)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EventLog, "put", lose)
        with pytest.raises(Killed):
            run(run_dir, data_root, progress=False)
    assert load_checkpoint(run_dir / "checkpoints" / "checkpoint-epoch1.ckpt")["calibration"]
    assert run(run_dir, data_root, progress=False, resuming=True) == 0
    listed_files_are_whole(run_dir)


def test_the_log_may_be_large(run_dir: Path, data_root: Path) -> None:
    with (run_dir / "events.jsonl").open("ab") as log:
        line = b'{"at":"2024-01-01T00:00:00Z","kind":"step","epoch":3,"step":30,"train_loss":0.5}\n'
        log.write(line * 200_000)
    assert len(recorded_checkpoints(run_dir).saved) == 3
