"""Uploads: whole or not at all, under a harmless name, within the limits. And their removal."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from runs_app import disk
from runs_app.choices import DataSetState, Origin, RunStatus
from runs_app.execution import uploading
from runs_app.execution.intake import import_waiting
from runs_app.models import DataSet
from runs_app.services.upload_handler import clean_name
from tests.factories import make_run
from tests.synthetic import random_candles, write_candles

pytestmark = pytest.mark.django_db
HTML = {"accept": "text/html"}


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    return write_candles(tmp_path / "made.csv", random_candles(400, seed=5)).read_bytes()


def send(name: str, content: bytes, address: str = "/datasets", **more: object):  # type: ignore[no-untyped-def]
    return Client().post(address, {"file": SimpleUploadedFile(name, content), **more})


def hidden(data_root: Path) -> list[Path]:
    return list(data_root.glob(".*"))


def test_json_answers_201_and_the_file_is_read_like_any_other(
    data_root: Path, content: bytes
) -> None:
    answer = send("fresh.csv", content)
    assert answer.status_code == 201, answer.content
    assert (answer.json()["path"], answer.json()["note"]) == ("fresh.csv", "")
    assert (data_root / "fresh.csv").read_bytes() == content
    assert not hidden(data_root)
    import_waiting()
    row = DataSet.objects.get(pk=answer.json()["id"])
    assert (row.state, row.bars, row.origin) == (DataSetState.USABLE, 400, Origin.UPLOADED)


def test_a_plain_form_goes_to_the_page_of_the_data_set(data_root: Path, content: bytes) -> None:
    browser = Client(headers=HTML)
    answer = browser.post("/datasets", {"file": SimpleUploadedFile("a.csv", content)})
    row = DataSet.objects.get(path="a.csv")
    assert (answer.status_code, answer["Location"]) == (302, f"/datasets/{row.pk}")
    again = browser.post("/datasets", {"file": SimpleUploadedFile("a.csv", content)}, follow=True)
    assert "There is a file a.csv already, so this one was named a_2.csv." in again.content.decode()
    wrong = browser.post("/datasets", {"file": SimpleUploadedFile("a.exe", b"x")}, follow=True)
    assert "must end in one of .csv" in wrong.content.decode()


def test_no_file_is_replaced(data_root: Path, content: bytes) -> None:
    (data_root / "mine.csv").write_text("mine")
    names = [send("mine.csv", content).json()["path"] for _ in range(2)]
    assert names == ["mine_2.csv", "mine_3.csv"]
    assert (data_root / "mine.csv").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/a.csv", "a.csv"),
        ("..\\..\\a.csv", "a.csv"),
        ("/etc/passwd.csv", "passwd.csv"),
        ("C:\\x\\b.CSV.GZ", "b.csv.gz"),
        (".hidden.csv", "hidden.csv"),
        ("a b;c'\"\n.csv", "a b_c___.csv"),
        ("．．／x.csv", "___x.csv"),
        ("x" * 5000 + ".csv", "x" * 116 + ".csv"),
        ("...csv", "candles.csv"),
    ],
)
def test_names_are_harmless(name: str, kept: str) -> None:
    assert clean_name(name) == kept


@pytest.mark.parametrize("name", ["a.exe", "a", ".csv", "a.csv.html", "a.csv\x00.sh", ""])
def test_other_files_are_refused(data_root: Path, name: str) -> None:
    answer = send(name or "x", b"a,b\n")
    assert answer.status_code == 422
    assert "must end in one of" in answer.json()["detail"]
    assert list(data_root.iterdir()) == []


def test_too_large_by_its_length_and_while_it_comes(
    data_root: Path, settings: Settings, content: bytes
) -> None:
    settings.UPLOAD_MAX_BYTES = 1000
    settings.UPLOAD_BODY_BYTES = 1_000_000
    while_coming = send("a.csv", content)
    settings.UPLOAD_BODY_BYTES = 1000
    by_length = send("a.csv", content)
    for answer in (while_coming, by_length):
        assert answer.status_code == 413
        assert "larger than" in answer.json()["detail"]
    assert list(data_root.iterdir()) == []


def test_no_room_is_told_before_anything_is_written(
    data_root: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "read_disk", lambda *_: disk.Disk(free=4000, total=100_000))
    answer = send("a.csv", content)
    assert answer.status_code == 507
    assert "Make room and try again" in answer.json()["detail"]
    assert list(data_root.iterdir()) == []


def test_a_folder_that_cannot_be_written(
    data_root: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    answer = send("a.csv", content)
    monkeypatch.undo()
    assert answer.status_code == 507
    assert "DATA_ROOT cannot take the file: Permission denied." in answer.json()["detail"]


def test_a_form_without_a_file_or_with_an_empty_one_or_two(data_root: Path, content: bytes) -> None:
    assert "file is missing" in Client().post("/datasets", {"other": "x"}).json()["detail"]
    assert "is empty" in send("a.csv", b"").json()["detail"]
    two = [SimpleUploadedFile("a.csv", content), SimpleUploadedFile("b.csv", content)]
    assert "one file at a time" in Client().post("/datasets", {"file": two}).json()["detail"]
    wrong = Client().post("/datasets", {"upload": SimpleUploadedFile("a.csv", content)})
    assert wrong.status_code == 422
    assert list(data_root.iterdir()) == []


def test_a_file_sent_to_another_address_is_dropped(data_root: Path, content: bytes) -> None:
    browser = Client(headers=HTML)
    browser.post("/runs/new/data", {"file": SimpleUploadedFile("a.csv", content)})
    assert list(data_root.iterdir()) == []


def test_another_site_may_not_upload(data_root: Path, content: bytes) -> None:
    file = SimpleUploadedFile("a.csv", content)
    answer = Client().post("/datasets", {"file": file}, headers={"origin": "http://evil.example"})
    assert answer.status_code == 403
    browser = Client(enforce_csrf_checks=True, headers=HTML)
    assert browser.post("/datasets", {"file": file}).status_code == 403
    assert list(data_root.iterdir()) == []


def test_damaged_content_is_a_refused_data_set(data_root: Path) -> None:
    row = DataSet.objects.get(pk=send("a.parquet", b"PAR1 nonsense PAR1").json()["id"])
    import_waiting()
    row.refresh_from_db()
    assert row.state == DataSetState.REFUSED
    assert "damaged" in row.problem


def test_the_sweep_removes_what_was_interrupted(data_root: Path) -> None:
    old, fresh, foreign = (
        data_root / name for name in (".upload-1.part", ".upload-2.part", ".mine.part")
    )
    for path in (old, fresh, foreign):
        path.write_text("x")
    long_ago = time.time() - uploading.OLD_SECONDS - 1
    for path in (old, foreign):
        os.utime(path, (long_ago, long_ago))
    assert uploading.remove_leftovers() == 1
    assert not old.exists()
    assert fresh.exists()
    assert foreign.exists()


def test_only_what_the_product_brought_can_be_removed(data_root: Path, content: bytes) -> None:
    (data_root / "mine.csv").write_bytes(content)
    ours = send("ours.csv", content).json()["id"]
    import_waiting()
    Client().get("/datasets")
    mine = DataSet.objects.get(path="mine.csv").pk
    refused = Client().delete(f"/datasets/{mine}")
    assert refused.status_code == 409
    assert "put into DATA_ROOT by hand" in refused.json()["detail"]
    assert Client().delete(f"/datasets/{ours}").status_code == 204
    assert [path.name for path in data_root.iterdir()] == ["mine.csv"]
    assert Client().delete(f"/datasets/{ours}").status_code == 404


@pytest.mark.parametrize("status", [RunStatus.PENDING, RunStatus.RUNNING])
def test_a_run_that_needs_it_keeps_it(data_root: Path, content: bytes, status: str) -> None:
    pk = send("ours.csv", content).json()["id"]
    config = {"data": {"source": "ours.csv"}}
    run = make_run(name="the needy", status=status, config=config)
    refused = Client().delete(f"/datasets/{pk}")
    assert refused.status_code == 409
    assert "the needy" in refused.json()["detail"]
    browser = Client(headers=HTML)
    page = browser.get(f"/datasets/{pk}").content.decode()
    assert "needed by runs" in page
    assert "Remove with its file" not in page
    assert (data_root / "ours.csv").exists()
    run.status = RunStatus.COMPLETED
    run.save()
    page = browser.post(f"/datasets/{pk}/remove", follow=True).content.decode()
    assert "ours was removed with its file" in page
    assert not (data_root / "ours.csv").exists()


def test_the_list_is_searched_and_counts_runs(data_root: Path, content: bytes) -> None:
    for name in ("alpha.csv", "beta.csv"):
        send(name, content)
    make_run(data_set=DataSet.objects.get(path="beta.csv"))
    browser = Client(headers=HTML)
    page = browser.get("/datasets?q=BET").content.decode()
    assert "beta.csv" in page
    assert "alpha.csv" not in page
    assert '<td class="num d-none d-sm-table-cell">1</td>' in page
    assert "No data set matches" in browser.get("/datasets?q=nothing").content.decode()
