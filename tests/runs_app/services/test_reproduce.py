"""A real tiny run, its passport, and the same run again: bit for bit, or said where it is not."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import override_settings
from pytest_django import Settings

from runs_app.choices import RunStatus
from runs_app.execution import lifecycle, run_directory
from runs_app.execution.trainer_process import TrainerServer
from runs_app.forecasting.agreement import Agreement, compare
from runs_app.forecasting.config.compose import compose_config
from runs_app.forecasting.data.sample import FILE_NAME, write_sample
from runs_app.forecasting.passport import PASSPORT_FILE, Passport, content_sha256, read_passport
from runs_app.services.run_zip import Checkpoints, run_zip
from tests.execution.conftest import claim, supervise

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

BARS = 6000


@dataclass(frozen=True)
class Done:
    """What is left of a run: its passport and its zip, the folder of its candles."""

    passport: Path
    archive: Path
    root: Path


_done: list[Done] = []


@pytest.fixture
def done(transactional_db: None, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A tiny run that was trained once, under the real supervisor; its row is gone."""
    if not _done:
        _done.append(_train(tmp_path_factory.mktemp("reproduce")))
    return _done[0]


def _train(root: Path) -> Done:
    found = Done(root / "kept" / PASSPORT_FILE, root / "kept" / "run.zip", root)
    found.passport.parent.mkdir()
    write_sample(root / FILE_NAME, bars=BARS)
    tree = {
        "data": {"source": FILE_NAME, "timeframes": ["1m"]},
        "horizons": {"short": "15m", "long": "1h"},
        "model": {"variant": "tiny", "context_bars": 32},
        "train": {"max_epochs": 2, "batch_size": 256, "seed": 3, "steps_per_epoch": 5},
    }
    server = TrainerServer(threads=1)
    with override_settings(DATA_ROOT=root), pytest.MonkeyPatch.context() as patch:
        patch.setattr("runs_app.execution.wakeups.wake", lambda number: None)
        run = lifecycle.create_run(compose_config(tree), {}, "to be done again")
        supervise(claim(run), server)
    server.close()
    run.refresh_from_db()
    assert run.status == RunStatus.COMPLETED, run.message
    written = run_directory.path_of(run.uid) / PASSPORT_FILE
    found.passport.write_bytes(written.read_bytes())
    found.archive.write_bytes(b"".join(run_zip(run, Checkpoints.BEST)))
    return found


@pytest.fixture
def here(done: Done, settings: Settings, tmp_path: Path) -> Done:
    """The run's passport where its candles are in DATA_ROOT, and nothing has been imported."""
    settings.DATA_ROOT = done.root
    settings.DATASETS_ROOT = tmp_path / "datasets"
    return done


def again(passport: Path, *options: str) -> tuple[int, str]:
    """Exit status and output of the command."""
    out = StringIO()
    try:
        call_command("reproduce", str(passport), *options, stdout=out, stderr=StringIO())
    except CommandError as error:
        return error.returncode, out.getvalue() + str(error)
    return 0, out.getvalue()


def changed(done: Done, target: Path, **fields: Any) -> Path:
    """The passport with other contents and a digest that fits them."""
    tree = json.loads(done.passport.read_text()) | fields
    tree["sha256"] = content_sha256(tree)
    target.write_text(json.dumps(tree))
    return target


def test_the_passport_says_what_the_run_was(done: Done) -> None:
    passport: Passport = read_passport(done.passport)
    environment = passport.environment
    assert environment is not None
    assert (environment.attempt, environment.device, environment.threads) == (1, "CPU", 1)
    assert environment.packages["torch"] == environment.torch
    assert environment.data.source == FILE_NAME
    assert len(environment.data.source_sha256) == len(environment.data.candles_sha256) == 64
    ledger = environment.ledger
    assert ledger.used == sum(part.decisions for part in ledger.parts) > 0
    assert [part.name for part in ledger.parts] == ["train", "validation", "test"]
    assert environment.purge_seconds == 3660
    assert passport.seeds == {"train.seed": 3}
    assert passport.verdict is not None
    assert passport.leaks is not None
    assert passport.best["epoch"] in (1, 2)
    assert {"val_loss", "test_crps", "baseline.garch.val_nll", "verdict.outcome"} <= set(
        passport.numbers
    )
    assert [one.status for one in passport.attempts] == ["completed"]
    assert {"config.yaml", "environment.json", "events.jsonl"} <= {f.path for f in passport.files}


def test_the_zip_has_the_files_that_the_passport_names(done: Done) -> None:
    passport = read_passport(done.archive)
    assert passport == read_passport(done.passport)
    known = {fact.path: fact for fact in passport.files}
    with zipfile.ZipFile(BytesIO(done.archive.read_bytes())) as archive:
        sums = archive.read(f"run-{passport.run}/SHA256SUMS").decode().splitlines()
    digests = {name: digest for digest, name in (line.split("  ") for line in sums)}
    both = set(known) & set(digests)
    assert {"config.yaml", "events.jsonl", "console.log", "predictions.parquet"} <= both
    assert any(name.endswith(".ckpt") for name in both)
    assert {name: known[name].sha256 for name in both} == {name: digests[name] for name in both}


def same_bits(done: Done) -> str:
    """What the command says where every number is found again."""
    total = len(read_passport(done.passport).numbers)
    assert total > 40
    return f"the same bits expected: {total} exactly."


def test_the_same_run_has_the_same_bits(here: Done, tmp_path: Path) -> None:
    status, said = again(here.passport, "--into", str(tmp_path / "again"))
    assert status == 0, said
    assert same_bits(here) in said
    assert "Device, threads, packages and code are those of then." in said
    assert (tmp_path / "again" / "report.json").is_file()


def test_another_seed_disagrees_and_it_is_said(here: Done, tmp_path: Path) -> None:
    config = json.loads(here.passport.read_text())["config"]
    config["train"]["seed"] = 4
    status, said = again(changed(here, tmp_path / "other.json", config=config))
    assert status == 1
    assert "numbers do not agree." in said
    line = next(line for line in said.splitlines() if line.startswith("val_loss "))
    assert line.endswith("  no")
    # What no seed touches is found again.
    line = next(line for line in said.splitlines() if line.startswith("baseline.garch.val_nll "))
    assert line.endswith("  exactly")


def test_an_import_is_found_by_its_fingerprint_and_the_zip_is_as_good_as_the_passport(
    here: Done, tmp_path: Path, settings: Settings
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    settings.DATA_ROOT = empty
    status, said = again(here.passport)
    assert status == 2
    assert "give the file with --data" in said
    file = tmp_path / "under another name.csv"
    file.write_bytes((here.root / FILE_NAME).read_bytes())
    status, said = again(here.passport, "--data", str(file))
    assert status == 0, said
    file.unlink()  # its import is still there
    status, said = again(here.archive)
    assert status == 0, said
    assert same_bits(here) in said


def test_other_candles_are_not_compared(here: Done, tmp_path: Path) -> None:
    file = tmp_path / "other.csv"
    write_sample(file, bars=BARS + 1)
    status, said = again(here.passport, "--data", str(file))
    assert status == 2
    assert "are others than the run's" in said
    assert again(here.passport, "--data", str(tmp_path / "none.csv"))[0] == 2


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"status": "failed"}, "is failed, so it has no final numbers"),
        ({"environments": []}, "no final numbers"),
        ({"config": {"data": {"source": "x.csv"}, "odd": 1}}, "none of this version"),
    ],
)
def test_what_cannot_be_compared_ends_with_2_and_a_sentence(
    here: Done, tmp_path: Path, fields: dict[str, Any], sentence: str
) -> None:
    status, said = again(changed(here, tmp_path / "passport.json", **fields))
    assert (status, sentence in said) == (2, True), said


def test_a_folder_that_holds_something_is_left_alone(here: Done, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    status, said = again(here.passport, "--into", str(tmp_path))
    assert (status, "is not empty" in said) == (2, True), said
    assert (tmp_path / "mine").read_text() == "precious"


def test_numbers_agree_exactly_within_or_not() -> None:
    then = {"a": 1.0, "b": 1.0, "c": 1.0, "nan": "NaN", "word": "beats", "gone": 1.0, "none": None}
    now = {"a": 1.0, "b": 1.0005, "c": 1.01, "nan": "NaN", "word": "ties", "new": 2, "none": None}
    found = {line.name: line.agrees for line in compare(then, now, 1e-3)}
    assert found == {
        "a": Agreement.EXACTLY, "b": Agreement.WITHIN, "c": Agreement.NO, "nan": Agreement.EXACTLY,
        "word": Agreement.NO, "gone": Agreement.NO, "new": Agreement.NO, "none": Agreement.EXACTLY,
    }  # fmt: skip
    assert compare({"b": 1.0}, {"b": 1.0 + 1e-16 * 3}, 0.0)[0].agrees is Agreement.NO
