"""What a data source may name, and what the list of data sets holds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from runs_app.choices import DataSetState
from runs_app.errors import DataSourceNotFound
from runs_app.execution import data_files, intake
from runs_app.forecasting.data.endings import suffix_of
from runs_app.forecasting.data.sample import FILE_NAME, write_sample
from runs_app.models import DataSet
from runs_app.services.datasets import (
    facts_of,
    list_data_sets,
    refresh_one,
    resolve_source,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "text",
    [
        "BTCUSDT_1m",
        "BTCUSDT_1m.csv",
        "./BTCUSDT_1m.csv",
        "data/BTCUSDT_1m.csv",
        "./data/BTCUSDT_1m.csv",
        "././data/./BTCUSDT_1m.csv",
    ],
)
def test_a_name_and_every_spelling_of_the_path(candles: Path, text: str) -> None:
    assert resolve_source(text) == "BTCUSDT_1m.csv"
    list_data_sets()
    assert resolve_source(text) == "BTCUSDT_1m.csv"


def test_a_path_as_seen_from_the_project(
    tmp_path: Path, settings: Settings, sample_file: Path
) -> None:
    settings.ROOT = tmp_path
    settings.DATA_ROOT = tmp_path / "some" / "data"
    settings.DATA_ROOT.mkdir(parents=True)
    (settings.DATA_ROOT / "a.csv").write_bytes(sample_file.read_bytes())
    assert resolve_source("./some/data/a.csv") == "a.csv"
    assert resolve_source("data/a.csv") == "a.csv"


def test_a_data_root_that_is_a_link(tmp_path: Path, settings: Settings, candles: Path) -> None:
    (tmp_path / "linked").symlink_to(candles.parent)
    settings.DATA_ROOT = tmp_path / "linked"
    assert resolve_source("./linked/BTCUSDT_1m.csv") == "BTCUSDT_1m.csv"
    assert [row.name for row in list_data_sets()] == ["BTCUSDT_1m"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/etc/passwd", "absolute paths are not accepted"),
        ("~/secret.csv", "absolute paths are not accepted"),
        ("../secret.csv", "must stay inside DATA_ROOT"),
        ("data/../../secret.csv", "must stay inside DATA_ROOT"),
        ("sub/..", "must stay inside DATA_ROOT"),
        ("..\\secret.csv", "forward slashes"),
        ("C:\\secret.csv", "forward slashes"),
        ("file:///etc/passwd", "forward slashes"),
        ("http://127.0.0.1/a.csv", "forward slashes"),
        ("a\x00.csv", "cannot be printed"),
        ("", "empty"),
        ("a" * 501, "too long"),
        ("é" * 200 + ".csv", "too long for a file"),
        (".", "names neither"),
        ("data", "names neither"),
        ("sub", "names neither"),
        ("nothing.csv", "names neither"),
        ("notes.md", "names neither"),
        ("link-out.csv", "names neither"),
        ("link-folder/secret.csv", "names neither"),
        ("loop.csv", "names neither"),
        ("pipe.csv", "names neither"),
        ("．．/secret.csv", "names neither"),
        ("..%2fsecret.csv", "names neither"),
    ],
)
def test_nothing_else_is_a_data_source(
    candles: Path, tmp_path: Path, text: str, words: str
) -> None:
    root = candles.parent
    (tmp_path / "secret.csv").write_text("secret")
    (root / "sub").mkdir()
    (root / "notes.md").write_text("x")
    (root / "link-out.csv").symlink_to(tmp_path / "secret.csv")
    (root / "link-folder").symlink_to(tmp_path)
    (root / "loop.csv").symlink_to(root / "loop.csv")
    os.mkfifo(root / "pipe.csv")
    with pytest.raises(DataSourceNotFound) as caught:
        resolve_source(text)
    assert words in str(caught.value)
    assert "There are: BTCUSDT_1m." in str(caught.value)


def test_an_empty_data_root_is_told(data_root: Path) -> None:
    with pytest.raises(DataSourceNotFound, match="holds no candle file yet"):
        resolve_source("x.csv")


def test_the_list_follows_the_files(candles: Path, sample_file: Path) -> None:
    root = candles.parent
    (root / "sub").mkdir()
    (root / "sub" / "BTCUSDT_1m.csv").write_bytes(sample_file.read_bytes())
    (root / FILE_NAME).write_bytes(sample_file.read_bytes())
    (root / "broken.csv").write_text("time,open\n1,2\n")
    (root / ".hidden.csv").write_bytes(sample_file.read_bytes())
    (root / "link.csv").symlink_to(sample_file)
    assert {row.state for row in list_data_sets()} == {DataSetState.WAITING}
    intake.import_waiting()
    found = {row.name: row for row in list_data_sets()}
    assert found.keys() == {"BTCUSDT_1m", "BTCUSDT_1m.csv", "broken", "synthetic_garch_1m"}
    assert found["BTCUSDT_1m.csv"].path == "sub/BTCUSDT_1m.csv"
    assert found["synthetic_garch_1m"].synthetic
    assert not found["BTCUSDT_1m"].synthetic
    assert found["BTCUSDT_1m"].bars == 86_400
    assert found["broken"].problem
    assert facts_of(found["broken"]) is None
    facts = facts_of(found["BTCUSDT_1m"])
    assert facts is not None
    assert (facts.timeframe, facts.bar_seconds) == ("1m", 60)

    (root / "broken.csv").unlink()
    write_sample(root / "BTCUSDT_1m.csv", bars=2000)
    list_data_sets()
    intake.import_waiting()
    found = {row.name: row for row in list_data_sets()}
    assert "broken" not in found
    assert found["BTCUSDT_1m"].bars == 2000


def test_an_unchanged_file_is_not_read_again(
    candles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = refresh_one("BTCUSDT_1m.csv")
    reads: list[DataSet] = []
    monkeypatch.setattr(intake, "_read", reads.append)
    assert refresh_one("BTCUSDT_1m.csv") == first
    assert reads == []


def test_a_file_that_vanishes_before_it_is_read_is_told(candles: Path) -> None:
    list_data_sets()
    candles.unlink()
    intake.import_waiting()
    row = DataSet.objects.get()
    assert row.state == DataSetState.REFUSED
    assert row.problem == "BTCUSDT_1m.csv cannot be read: No such file or directory"


def test_data_sets_are_listed_once_whatever_their_number(
    data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_files, "MAX_FILES", 3)
    for number in range(5):
        (data_root / f"{number}.csv").write_text("x")
    assert len(list_data_sets()) == 3
    assert DataSet.objects.count() == 3


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("a.csv", ".csv"),
        ("a.CSV.GZ", ".csv.gz"),
        ("a.parquet", ".parquet"),
        ("a.feather", ".feather"),
        ("a.zip", ".zip"),
        ("a.txt", ".txt"),
        ("a.json", ".json"),
        ("a.json.gz", ".json.gz"),
        ("a.xlsx", None),
        ("a", None),
        (".csv", None),
        ("a.csv.exe", None),
    ],
)
def test_endings(name: str, suffix: str | None) -> None:
    assert suffix_of(name) == suffix


def test_a_name_that_another_process_takes_at_the_same_moment(
    candles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free_name = data_files._name_for

    def late(relative: str) -> str:
        name = free_name(relative)
        if not DataSet.objects.exists():
            DataSet.objects.create(name=name, path="other/BTCUSDT_1m.csv")
        return name

    monkeypatch.setattr(data_files, "_name_for", late)
    assert refresh_one("BTCUSDT_1m.csv").name == "BTCUSDT_1m.csv"


@pytest.mark.parametrize("files", [2, 30])
def test_a_list_of_many_files_asks_no_more_of_the_database(
    data_root: Path, files: int, django_assert_max_num_queries: Any
) -> None:
    for number in range(files):
        (data_root / f"part{number}.csv").write_text("one file\n")
    list_data_sets()
    with django_assert_max_num_queries(3):  # what is known, what waits, the list
        assert len(list_data_sets()) == files
