"""``manage.py launch_runs``."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from runs_app.choices import RunStatus
from runs_app.management.commands import launch_runs
from runs_app.models import RunGroup, TrainingRun

pytestmark = pytest.mark.django_db

GRID = "base: {data_source: BTCUSDT_1m, variant: tiny}\ngrid: {seed: [1, 2]}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "runs.yaml"
    path.write_text(GRID)
    return path


def launch(file: Path, *options: str) -> str:
    out = StringIO()
    call_command("launch_runs", str(file), *options, stdout=out, stderr=StringIO())
    return out.getvalue()


def settle(monkeypatch: pytest.MonkeyPatch, statuses: list[RunStatus]) -> None:
    """End one more run each time the command sleeps, as a worker would."""
    left = iter(statuses)

    def end_one(seconds: float) -> None:
        run = TrainingRun.objects.filter(status=RunStatus.PENDING).earliest("id")
        run.status, run.message, run.best_val_loss = next(left), "Because.", 0.123456
        run.save()

    monkeypatch.setattr(launch_runs.time, "sleep", end_one)


def test_every_run_is_created_and_named(candles: Path, runs_root: Path, file: Path) -> None:
    out = launch(file)
    assert TrainingRun.objects.count() == 2
    for run in TrainingRun.objects.all():
        assert f"{run.uid} seed={run.config['train']['seed']}" in out
        assert (runs_root / run.uid / "config.yaml").is_file()


def test_waiting_until_all_have_completed(
    candles: Path, runs_root: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch, [RunStatus.COMPLETED, RunStatus.COMPLETED])
    out = launch(file, "--wait")
    assert out.count("completed, best val loss 0.12346") == 2
    assert "\n\n" not in out


def test_a_run_that_fails_makes_the_command_fail(
    candles: Path, runs_root: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch, [RunStatus.COMPLETED, RunStatus.FAILED])
    with pytest.raises(CommandError, match="1 of 2 runs did not complete") as caught:
        launch(file, "--wait")
    assert caught.value.returncode == 1


def test_a_run_deleted_meanwhile_does_not_hang_the_command(
    candles: Path, runs_root: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch_runs.time, "sleep", lambda _: TrainingRun.objects.all().delete())
    with pytest.raises(CommandError, match="2 of 2 runs did not complete"):
        launch(file, "--wait")


def test_one_faulty_run_and_nothing_is_launched(candles: Path, file: Path) -> None:
    file.write_text("- {data_source: BTCUSDT_1m}\n- {data_source: BTCUSDT_1m, batch_size: 0}\n")
    with pytest.raises(CommandError) as caught:
        launch(file)
    assert "nothing was launched" in str(caught.value)
    assert "run 2, batch_size: must be at least 1" in str(caught.value)
    assert not TrainingRun.objects.exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"\xff\xff", "not UTF-8"), (b"a: [", "not valid YAML"), (b"x" * 300_000, "256 KiB")],
)
def test_an_unreadable_file_gets_a_sentence(file: Path, content: bytes, words: str) -> None:
    file.write_bytes(content)
    with pytest.raises(CommandError, match=words):
        launch(file)


def test_a_missing_file_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        launch(tmp_path / "none.yaml")


def test_a_run_with_folds_or_seeds_is_a_group(candles: Path, runs_root: Path, file: Path) -> None:
    file.write_text(
        "- {data_source: BTCUSDT_1m, variant: tiny, timeframes: [15m], folds: 2, seeds: 2}\n"
        "- {name: wide, seeds: 3, config: {data_source: BTCUSDT_1m, variant: tiny}}\n"
        "- {data_source: BTCUSDT_1m, variant: tiny}\n"
    )
    out = launch(file)
    groups = list(RunGroup.objects.order_by("pk"))
    assert [(group.folds, group.seeds, group.name) for group in groups] == [
        (2, 2, ""), (1, 3, "wide")
    ]  # fmt: skip
    assert TrainingRun.objects.count() == 8
    assert f"1/3 group {groups[0].uid} of 4 runs" in out


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{data_source: BTCUSDT_1m, folds: 99}", "run 1, folds: must be a whole number"),
        ("{data_source: BTCUSDT_1m, seeds: 50, folds: 50}", "2,500 runs"),
        ("{data_source: BTCUSDT_1m, seeds: 2, epochs: 2}", "run 1, epochs: is not a known key"),
    ],
)
def test_a_bad_group_launches_nothing(
    candles: Path, runs_root: Path, file: Path, line: str, words: str
) -> None:
    file.write_text(f"- {line}\n")
    with pytest.raises(CommandError, match=words):
        launch(file)
    assert not TrainingRun.objects.exists()


def test_a_grid_over_a_run_that_is_there(candles: Path, runs_root: Path, file: Path) -> None:
    launch(file)
    run = TrainingRun.objects.earliest("pk")
    file.write_text(f"base: {{clone_of: {run.uid}}}\ngrid: {{learning_rate: [0.1, 0.2]}}\n")
    launch(file)
    clones = list(run.children.order_by("pk"))
    assert [clone.config["train"]["learning_rate"] for clone in clones] == [0.1, 0.2]
    for clone in clones:
        assert (clone.kinship, clone.name.partition("=")[0]) == ("clone", "learning_rate")
        same = clone.config["train"] | {"learning_rate": run.config["train"]["learning_rate"]}
        assert {**clone.config, "train": same} == run.config
