"""What a run's own log says about its checkpoints."""

from __future__ import annotations

from pathlib import Path

from runs_app.forecasting.events import (
    EVENTS_FILE,
    CheckpointRemoved,
    CheckpointSaved,
    Event,
    StepTaken,
    to_line,
)
from runs_app.forecasting.recorded import WRITTEN_FILE, note_written, recorded_checkpoints


def saved(name: str, digest: str, step: int = 1) -> CheckpointSaved:
    return CheckpointSaved(
        path=f"checkpoints/{name}.ckpt", epoch=1, step=step, val_loss=0.5, size_bytes=3,
        sha256=digest, is_best=False,
    )  # fmt: skip


def write(run_dir: Path, *events: Event) -> None:
    with (run_dir / EVENTS_FILE).open("ab") as file:
        file.write(b"".join(map(to_line, events)))


def test_the_newest_of_each_path_counts_and_removed_ones_do_not(tmp_path: Path) -> None:
    assert recorded_checkpoints(tmp_path).saved == {}
    first, second, third = saved("a", "1"), saved("b", "2"), saved("a", "3")
    step = StepTaken(epoch=1, step=1, train_loss=0.1, learning_rate=0.1)
    write(tmp_path, first, step, second, third)
    assert recorded_checkpoints(tmp_path).saved == {second.path: second, third.path: third}
    write(tmp_path, CheckpointRemoved(path=third.path))
    with (tmp_path / EVENTS_FILE).open("ab") as file:
        file.write(to_line(saved("c", "4"))[:-20])  # a crash in the middle of a line
    assert list(recorded_checkpoints(tmp_path).saved) == [second.path]


def test_a_path_out_of_the_folder_is_no_checkpoint(tmp_path: Path) -> None:
    write(tmp_path, saved("../../elsewhere", "1"), saved(".hidden", "2"), saved("d/e", "3"))
    assert recorded_checkpoints(tmp_path).saved == {}


def test_what_was_about_to_be_named_counts_until_its_event_is_written(tmp_path: Path) -> None:
    old, new = saved("a", "1"), saved("a", "2")
    write(tmp_path, old)
    note_written(tmp_path, new)
    recorded = recorded_checkpoints(tmp_path)
    assert recorded.unannounced == new
    assert recorded.accepts(new.path) == (old, new)
    assert recorded.accepts("checkpoints/b.ckpt") == ()
    write(tmp_path, new)
    assert recorded_checkpoints(tmp_path).unannounced is None
    (tmp_path / WRITTEN_FILE).write_text("{")
    assert recorded_checkpoints(tmp_path).accepts(new.path) == (new,)
