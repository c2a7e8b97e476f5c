"""S7: what is listed is on the disk, whole, and what was recorded."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from runs_app.choices import ArtifactKind, EventKind, RunStatus
from runs_app.execution import artifacts, run_directory
from runs_app.models import TrainingRun
from tests.execution.conftest import directory
from tests.factories import make_checkpoint, make_completed_run


def log_of(run: TrainingRun) -> list[str]:
    """What the supervisor said in the run's log."""
    lines = run.events.filter(kind=EventKind.LOG, payload__stream="supervisor").order_by("seq")
    return [line.payload["message"] for line in lines]


def archive(path: Path, content: bytes = b"weights") -> str:
    """A whole archive, as a checkpoint is one; its SHA-256."""
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", content)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def run(transactional_db: None) -> TrainingRun:
    """An ended run with an empty directory."""
    made = make_completed_run()
    run_directory.make(made.uid)
    return made


def listed(run: TrainingRun) -> set[str]:
    return set(run.artifacts.filter(kind=ArtifactKind.CHECKPOINT).values_list("path", flat=True))


def test_a_changed_file_is_noticed_when_the_attempt_ends(
    train: Callable[[str], TrainingRun],
) -> None:
    run = train("tampered")

    assert run.status == RunStatus.COMPLETED
    assert not run.checkpoints.exists()
    assert listed(run) == set()
    assert log_of(run) == [
        "checkpoints/best.ckpt is damaged or incomplete; it is not listed.",
        "checkpoints/checkpoint-epoch1.ckpt is not the file that was recorded; it is no checkpoint "
        "any more.",
        "checkpoints/checkpoint-epoch1.ckpt is damaged or incomplete; it is not listed.",
        "checkpoints/torn.ckpt is not the file that was recorded; it is no checkpoint any more.",
        "checkpoints/torn.ckpt is damaged or incomplete; it is not listed.",
        "checkpoints/gone.ckpt is gone from the disk; it is no checkpoint any more.",
    ]
    newest = run.events.last()
    assert newest is not None
    assert newest.kind == EventKind.STATUS  # the log comes before the end, or nobody reads it


def test_a_sound_run_keeps_its_checkpoints_and_says_nothing(
    train: Callable[[str], TrainingRun],
) -> None:
    run = train("complete")

    assert [row.path for row in run.checkpoints.all()] == ["checkpoints/checkpoint-epoch1.ckpt"]
    assert listed(run) == {"checkpoints/checkpoint-epoch1.ckpt", "checkpoints/best.ckpt"}
    assert log_of(run) == []
    for row in run.artifacts.all():
        file = directory(run) / row.path
        assert hashlib.sha256(file.read_bytes()).hexdigest() == row.sha256


def test_a_file_of_the_same_size_with_another_content_is_no_checkpoint(run: TrainingRun) -> None:
    """A newer file whose event was lost, or another run's: a file, but not that checkpoint."""
    path = "checkpoints/checkpoint-epoch1.ckpt"
    file = directory(run) / path
    old = archive(file, b"weights")
    make_checkpoint(run, path=path, size_bytes=file.stat().st_size, sha256=old)
    new = archive(file, b"WEIGHTS")
    assert new != old

    (sentence,) = artifacts.register_all(run.pk, directory(run))

    assert "not the file that was recorded" in sentence
    assert not run.checkpoints.exists()
    assert run.artifacts.get(path=path).sha256 == new


def test_an_unrecorded_file_is_listed_only_where_it_is_whole(run: TrainingRun) -> None:
    whole = directory(run) / "checkpoints/last.ckpt"
    archive(whole)
    (directory(run) / "checkpoints/zeros.ckpt").write_bytes(bytes(5000))
    cut = whole.read_bytes()[:-20]
    (directory(run) / "checkpoints/cut.ckpt").write_bytes(cut)
    flipped = bytearray(whole.read_bytes())
    flipped[flipped.index(b"weights")] ^= 1
    (directory(run) / "checkpoints/flipped.ckpt").write_bytes(flipped)

    said = artifacts.register_all(run.pk, directory(run))

    assert listed(run) == {"checkpoints/last.ckpt"}
    assert len(said) == 3


def test_one_inode_is_hashed_once_and_no_link_is_followed(
    run: TrainingRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = directory(run) / "checkpoints"
    archive(folder / "a.ckpt")
    for name in ("best.ckpt", "last.ckpt"):
        (folder / name).hardlink_to(folder / "a.ckpt")
    archive(tmp_path / "outside.ckpt")
    (folder / "linked.ckpt").symlink_to(tmp_path / "outside.ckpt")
    hashed: list[str] = []
    real = artifacts.sha256_of

    def count(file: Path, tick: Callable[[], object]) -> str:
        hashed.append(file.name)
        return real(file, tick)

    monkeypatch.setattr(artifacts, "sha256_of", count)

    artifacts.register_all(run.pk, directory(run))

    assert hashed == ["a.ckpt"]
    assert len(listed(run)) == 3


def test_the_lease_is_kept_while_a_large_file_is_hashed(
    run: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "CHUNK_BYTES", 1000)
    (directory(run) / "console.log").write_bytes(bytes(50_000))
    ticks: list[None] = []

    artifacts.register_all(run.pk, directory(run), lambda: ticks.append(None))

    assert len(ticks) >= 50
