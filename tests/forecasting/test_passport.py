"""The passport as a document: whole or refused, and one digest whatever its layout."""

from __future__ import annotations

import json
import math
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from runs_app.forecasting import provenance
from runs_app.forecasting.agreement import differences
from runs_app.forecasting.data.ledger_rows import RowLedger
from runs_app.forecasting.environment import (
    ENVIRONMENT_FILE,
    DataFacts,
    Environment,
    add_environment,
    read_environments,
)
from runs_app.forecasting.passport import (
    Passport,
    PassportInvalid,
    content_sha256,
    numbers_of,
    read_passport,
    to_json,
)
from tests.factories import make_verdict

AT = datetime(2024, 1, 31, 12, tzinfo=UTC)


def make_passport(**fields: Any) -> Passport:
    facts: dict[str, Any] = {
        "run": "abcdefghjk", "name": "", "created_at": AT, "started_at": AT, "finished_at": AT,
        "status": "completed", "reason": "completed", "message": "", "attempts": (),
        "parent": None, "group": "", "config": {"train": {"seed": 1}}, "seeds": {"train.seed": 1},
        "environments": (),
        "numbers": {"val_loss": 1e-05, "val_nll": "NaN", "test_loss": 0.1 + 0.2},
        "best": {}, "verdict": make_verdict(), "leaks": None, "files": (),
    }  # fmt: skip
    return Passport(**(facts | fields))


def make_environment(**fields: Any) -> Environment:
    facts: dict[str, Any] = {
        "attempt": 1, "at": AT, "python": "3.11", "platform": "Linux", "torch": "2",
        "device": "CPU", "devices": 1, "threads": 1, "processor": "x", "compiled": False,
        "packages": {"numpy": "1"},
        "code": provenance.CodeState(commit="a", dirty=False, diff_sha256="", core_sha256="b"),
        "data": DataFacts(source="x.csv", source_sha256="c", candles_sha256="d", candles=5),
        "ledger": RowLedger(
            decision_timeframe="1m", candles=5, decision_bars=5, warmup=1, tail=1, gap=1,
            between=1, used=1, parts=(),
        ),
        "purge_seconds": 60, "tries": 1,
    }  # fmt: skip
    return Environment(**(facts | fields))


def test_what_is_written_is_read_whatever_its_layout(tmp_path: Path) -> None:
    path = tmp_path / "passport.json"
    path.write_text(to_json(make_passport()))
    read = read_passport(path)
    assert read.numbers == make_passport().numbers
    assert read.sha256
    tree = json.loads(path.read_text())
    path.write_text(json.dumps(dict(reversed(tree.items())), indent=7))
    assert read_passport(path) == read
    with zipfile.ZipFile(tmp_path / "run.zip", "w") as archive:
        archive.writestr("run-abc/passport.json", path.read_text())
    assert read_passport(tmp_path / "run.zip") == read


def test_a_changed_number_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "passport.json"
    tree = json.loads(to_json(make_passport()))
    tree["numbers"]["test_loss"] = 0.2
    path.write_text(json.dumps(tree))
    with pytest.raises(PassportInvalid, match="was changed after it was written"):
        read_passport(path)
    tree["sha256"] = content_sha256(tree)
    path.write_text(json.dumps(tree))
    assert read_passport(path).numbers["test_loss"] == 0.2


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{}", "is no passport"),
        (b"[1]", "is no passport"),
        (b"{", "is not valid JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"schema_version": 2}', "schema version 2"),
        (b'{"schema_version": 1}', "was changed"),
        (b"[" * 100_000, "is not valid JSON"),
        (b" " * (8 * 1024 * 1024 + 1), "larger than a passport"),
        (b'{"schema_version": 1, "x": NaN}', "is not valid JSON"),
    ],
)
def test_what_is_no_passport_is_refused_in_a_sentence(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    path = tmp_path / "passport.json"
    path.write_bytes(content)
    with pytest.raises(PassportInvalid, match=sentence):
        read_passport(path)


def test_an_absent_file_and_odd_archives_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PassportInvalid, match="cannot be read: No such file"):
        read_passport(tmp_path / "passport.json")
    path = tmp_path / "run.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/passport.json", "{}")
        archive.writestr("b/passport.json", "{}")
    with pytest.raises(PassportInvalid, match="holds 2 files"):
        read_passport(path)


def test_numbers_are_flat_and_without_what_hangs_on_the_machine() -> None:
    figures = {
        "val_loss": 0.5, "test_nll": "NaN", "val_pinball": None, "epoch": 3,
        "samples_per_second": 100.0, "gpu_memory_mb": 5, "best": {"epoch": 2},
        "baselines": {"garch": {"val_nll": -5.0}},
    }  # fmt: skip
    numbers = numbers_of(figures, make_verdict())
    assert numbers["baseline.garch.val_nll"] == -5.0
    assert numbers["verdict.garch.crps.skill"] == 0.0248
    assert numbers["verdict.outcome"] == "beats"
    assert {"samples_per_second", "gpu_memory_mb", "best", "val_pinball"} & set(numbers) == set()
    assert not any(isinstance(v, float) and not math.isfinite(v) for v in numbers.values())


def test_code_is_named_by_commit_and_by_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = provenance.code_state.__wrapped__()
    assert len(here.commit) == 40 or here.commit == provenance.UNKNOWN
    core = tmp_path / "core"
    core.mkdir()
    (core / "a.py").write_text("x = 1\n")
    monkeypatch.setattr(provenance, "CORE", core)
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    before = provenance.code_state.__wrapped__()
    assert (before.commit, before.dirty, before.diff_sha256) == ("unknown", None, "")
    (core / "a.py").write_text("x = 2\n")
    assert provenance.code_state.__wrapped__().core_sha256 != before.core_sha256


def test_packages_are_those_that_are_pinned() -> None:
    packages = provenance.installed_packages()
    assert packages["numpy"] == "2.4.6"
    assert "psycopg" in packages
    assert "not installed" not in packages.values()


def test_the_record_of_attempts_keeps_one_of_each_and_follows_no_link(tmp_path: Path) -> None:
    run, other = tmp_path / "run", tmp_path / "other"
    run.mkdir()
    other.mkdir()
    assert read_environments(run) == ()
    for attempt, threads in ((1, 1), (2, 1), (2, 4)):
        add_environment(run, make_environment(attempt=attempt, threads=threads))
    assert [(one.attempt, one.threads) for one in read_environments(run)] == [(1, 1), (2, 4)]
    (other / ENVIRONMENT_FILE).symlink_to(run / ENVIRONMENT_FILE)
    assert read_environments(other) == ()
    (run / ENVIRONMENT_FILE).write_text("{")
    assert read_environments(run) == ()


@pytest.mark.parametrize(
    ("then", "now", "sentence"),
    [
        ({}, {}, None),
        ({}, {"threads": 2}, "threads: 1, now 2"),
        ({}, {"device": "NVIDIA H100"}, "device: CPU, now NVIDIA H100"),
        ({"device": "X"}, {"device": "X"}, "device: X adds numbers in no fixed order"),
        ({}, {"packages": {"numpy": "2"}}, "package numpy: 1, now 2"),
        ({}, {"packages": {}}, "package numpy: 1, now not installed"),
        ({}, {"compiled": True}, "torch.compile may choose other kernels"),
        (
            {"resume": "approximate", "resumed_from_step": 1200}, {},
            "it was resumed after step 1,200, approximately",
        ),
    ],
)  # fmt: skip
def test_what_differs_is_said(
    then: dict[str, Any], now: dict[str, Any], sentence: str | None
) -> None:
    found = differences(make_environment(**then), make_environment(**now))
    assert found == ([sentence] if sentence else [])
