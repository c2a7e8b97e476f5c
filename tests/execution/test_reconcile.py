"""S9: rows and files agree; every difference is told, and put right only when asked to."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from runs_app.choices import DataSetState, JobKind, JobState, RunStatus
from runs_app.execution import artifacts, reconcile, run_directory
from runs_app.execution.reconcile import Kind, compare
from runs_app.execution.repair import repair
from runs_app.forecasting.config.schema import RunConfig
from runs_app.models import Job, TrainingRun
from tests.factories import (
    make_artifact,
    make_checkpoint,
    make_completed_run,
    make_data_set,
    make_running_run,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: object, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty MEDIA_ROOT in which everything may be judged at once."""
    root = tmp_path / "media"
    for name in ("runs", "datasets"):
        (root / name).mkdir(parents=True)
    settings.MEDIA_ROOT = root  # type: ignore[attr-defined]
    settings.RUNS_ROOT = root / "runs"  # type: ignore[attr-defined]
    settings.DATASETS_ROOT = root / "datasets"  # type: ignore[attr-defined]
    monkeypatch.setattr(reconcile, "SETTLED_SECONDS", -60.0)
    return root


def archive(path: Path, content: bytes = b"weights") -> str:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", content)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def sound_run(**fields: object) -> TrainingRun:
    """An ended run whose rows and files agree: a checkpoint with a second name, and a summary."""
    run = make_completed_run(**fields)
    folder = run_directory.make(run.uid)
    (folder / "checkpoints").mkdir()
    path = "checkpoints/checkpoint-epoch1.ckpt"
    digest = archive(folder / path)
    (folder / "checkpoints/best.ckpt").hardlink_to(folder / path)
    (folder / "metrics.json").write_text("{}")
    make_checkpoint(run, path=path, sha256=digest, size_bytes=(folder / path).stat().st_size)
    artifacts.register_all(run.pk, folder)
    return run


def kinds() -> dict[str, Kind]:
    """Every difference by its path."""
    return {one.path: one.kind for one in compare(verify=True).differences}


def test_what_agrees_is_silent() -> None:
    run = sound_run()
    (run_directory.path_of(run.uid) / "forecasts").mkdir()
    job = Job.objects.create(kind=JobKind.PREDICTION, state=JobState.DONE, run=run)
    (run_directory.path_of(run.uid) / f"forecasts/{job.uid}.parquet").touch()

    report = compare(verify=True)

    assert (report.differences, report.runs, report.agrees) == ([], 1, True)


def test_every_kind_of_difference_is_told_and_nothing_is_changed(media: Path) -> None:
    run = sound_run()
    folder = run_directory.path_of(run.uid)
    (media / "runs/orphan").mkdir()
    (media / "runs/orphan/weights").write_bytes(b"x" * 50_000)
    lost = make_completed_run()
    make_artifact(run, "report.json")
    (folder / "metrics.json").write_text("{more}")
    flipped = bytearray((folder / "checkpoints/best.ckpt").read_bytes())
    flipped[-1] ^= 1
    (folder / "checkpoints/best.ckpt").write_bytes(flipped)  # one inode, two names, same size
    (folder / "checkpoints/stray.ckpt").write_bytes(b"?")
    (folder / "checkpoints/.last.ckpt.new").write_bytes(b"?")
    (folder / ".report.json.new").touch()
    (folder / ".ranks-7").mkdir()
    (folder / ".ranks-7/rank1.json").touch()
    (folder / "forecasts").mkdir()
    (folder / "forecasts/nobody.parquet").touch()
    (folder / "export").mkdir()
    (folder / "export/model.onnx").touch()
    make_data_set(store_key="gone")
    (media / "datasets/nobody").mkdir()
    (media / "datasets/.part-abc").mkdir()
    before = _tree(media)

    here = f"runs/{run.uid}"
    assert kinds() == {
        "runs/orphan": Kind.ORPHAN,
        f"runs/{lost.uid}": Kind.NO_DIRECTORY,
        f"{here}/report.json": Kind.NO_FILE,
        f"{here}/metrics.json": Kind.CHANGED,
        f"{here}/checkpoints/checkpoint-epoch1.ckpt": Kind.CHANGED,
        f"{here}/checkpoints/best.ckpt": Kind.CHANGED,
        f"{here}/checkpoints/stray.ckpt": Kind.UNLISTED,
        f"{here}/checkpoints/.last.ckpt.new": Kind.LEFTOVER,
        f"{here}/.report.json.new": Kind.LEFTOVER,
        f"{here}/.ranks-7/rank1.json": Kind.LEFTOVER,
        f"{here}/forecasts/nobody.parquet": Kind.UNLISTED,
        f"{here}/export/model.onnx": Kind.UNLISTED,
        "datasets/gone": Kind.NO_DIRECTORY,
        "datasets/nobody": Kind.ORPHAN,
        "datasets/.part-abc": Kind.LEFTOVER,
    }
    orphan = next(one for one in compare().differences if one.path == "runs/orphan")
    assert orphan.size_bytes >= 50_000
    # Without --verify a file of the same size is taken for what it was.
    assert f"{here}/checkpoints/best.ckpt" not in {one.path for one in compare().differences}
    assert _tree(media) == before

    done = repair(compare(verify=True).differences)

    assert done.left == []
    assert done.freed >= 50_000
    assert kinds() == {}
    assert (run_directory.path_of(lost.uid) / "config.yaml").is_file()


def _tree(root: Path) -> dict[str, int]:
    return {str(path.relative_to(root)): path.lstat().st_size for path in root.rglob("*")}


def test_a_whole_checkpoint_that_nobody_listed_is_kept_and_listed() -> None:
    run = sound_run()
    archive(run_directory.path_of(run.uid) / "checkpoints/last.ckpt", b"newer")

    repair(compare().differences)

    assert run.artifacts.filter(path="checkpoints/last.ckpt").exists()
    assert kinds() == {}


def test_live_runs_are_left_alone() -> None:
    run = sound_run(status=RunStatus.RUNNING)
    folder = run_directory.path_of(run.uid)
    (folder / "checkpoints/.last.ckpt.new").touch()
    (folder / "metrics.json").unlink()
    bare = make_running_run()

    report = compare(verify=True)

    assert [(one.kind, one.run) for one in report.differences] == [(Kind.NO_DIRECTORY, bare.uid)]
    done = repair(report.differences)
    assert done.done == []
    assert "nothing of it was touched" in done.left[0]
    assert not run_directory.path_of(bare.uid).exists()


def test_a_run_that_began_again_meanwhile_is_left_alone() -> None:
    run = sound_run()
    leftover = run_directory.path_of(run.uid) / "checkpoints/.last.ckpt.new"
    leftover.touch()
    differences = compare().differences
    TrainingRun.objects.filter(pk=run.pk).update(status=RunStatus.PENDING)

    repair(differences)

    assert leftover.exists()


def test_what_is_being_made_is_no_orphan(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "SETTLED_SECONDS", 3600.0)
    (media / "runs/young").mkdir()
    old = media / "runs/old"
    old.mkdir()
    os.utime(old, (1, 1))

    assert kinds() == {"runs/old": Kind.ORPHAN}
    differences = compare().differences
    os.utime(old)  # somebody has put something into it since
    assert "in use" in repair(differences).left[0]
    assert old.is_dir()


def test_a_folder_that_got_its_row_meanwhile_stays(media: Path) -> None:
    (media / "runs/newcomer").mkdir()
    differences = compare().differences
    run = make_completed_run()
    TrainingRun.objects.filter(pk=run.pk).update(uid="newcomer")

    repair(differences)

    assert (media / "runs/newcomer").is_dir()


def test_nothing_outside_is_touched(media: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.ckpt").write_text("mine")
    (media / "runs/linked").symlink_to(outside)
    run = sound_run()
    folder = run_directory.path_of(run.uid)
    (folder / "checkpoints/link.ckpt").symlink_to(outside / "precious.ckpt")
    swapped = sound_run()
    real = run_directory.path_of(swapped.uid)
    real.rename(tmp_path / "moved")
    real.symlink_to(tmp_path / "moved")

    done = repair(compare(verify=True).differences)

    assert (outside / "precious.ckpt").read_text() == "mine"
    assert not (media / "runs/linked").is_symlink()
    assert not (folder / "checkpoints/link.ckpt").is_symlink()
    assert [said for said in done.left if swapped.uid in said]
    assert (tmp_path / "moved/checkpoints/checkpoint-epoch1.ckpt").is_file()


def test_a_vanished_import_is_read_again() -> None:
    row = make_data_set(store_key="gone", state=DataSetState.USABLE)

    repair(compare().differences)

    row.refresh_from_db()
    assert (row.state, row.store_key) == (DataSetState.WAITING, "")


def test_the_command_ends_with_1_while_differences_remain(media: Path) -> None:
    (media / "runs/orphan").mkdir()
    (media / "runs/orphan/file").write_bytes(b"x" * 10_000)
    out = io.StringIO()

    with pytest.raises(CommandError, match="1 difference remains"):
        call_command("reconcile", stdout=out)
    assert "orphan: runs/orphan [" in out.getvalue()
    assert (media / "runs/orphan").is_dir()
    out = io.StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("reconcile", json=True, stdout=out)
    assert caught.value.returncode == 1
    assert json.loads(out.getvalue())["differences"][0]["path"] == "runs/orphan"

    out = io.StringIO()
    call_command("reconcile", repair=True, stdout=out)
    assert "Freed 1" in out.getvalue()
    assert "0 differences" in out.getvalue()
    call_command("reconcile", verify=True, stdout=out)


def test_a_comparison_has_an_end() -> None:
    sound_run()
    report = compare(seconds=-1.0)
    assert (report.complete, report.agrees, report.runs) == (False, False, 0)


def test_a_run_in_the_making_is_no_difference(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is made inside the transaction, before anybody else can see the row."""
    monkeypatch.setattr(reconcile, "SETTLED_SECONDS", 3600.0)
    with transaction.atomic():
        run_directory.make("inthemaking")
        assert kinds() == {}
