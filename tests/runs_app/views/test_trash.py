"""The pages of the trash, and what pages say of a disk that is nearly full."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from runs_app.choices import RunStatus
from runs_app.execution import reconcile, run_directory
from runs_app.models import TrainingRun
from tests.runs_app.views.conftest import MakeRun
from tests.runs_app.views.test_builder import DATA, TRAIN, _step

Usage = namedtuple("Usage", "total used free")
"""What ``shutil.disk_usage`` answers, in bytes."""


@pytest.fixture
def ended(make_run: MakeRun, runs_root: Path) -> TrainingRun:
    """A run that has ended, with 50 kB of files."""
    run = make_run(status=RunStatus.COMPLETED, name="doomed")
    (run_directory.make(run.uid) / "weights").write_bytes(b"x" * 50_000)
    return run


def fill(monkeypatch: pytest.MonkeyPatch, free: float) -> None:
    """A disk of a terabyte with this share of it free."""
    usage = Usage(10**12, int(10**12 * (1 - free)), int(10**12 * free))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)


def test_the_way_through_the_trash(browser: Client, ended: TrainingRun) -> None:
    assert "The trash is empty" in browser.get("/trash").content.decode()
    browser.post(f"/runs/{ended.uid}/delete")

    page = browser.get("/trash").content.decode()
    assert "doomed" in page
    assert "Empty the trash (" in page
    own = browser.get(f"/runs/{ended.uid}").content.decode()
    assert "In the trash since" in own
    assert 'form="restore-form"' in own
    assert 'form="purge-form"' in own
    assert 'form="retry-form"' not in own
    assert 'form="delete-form"' not in own
    for address in ("/", "/runs"):
        assert "doomed" not in browser.get(address).content.decode()

    answer = browser.post(f"/trash/{ended.uid}/restore", follow=True).content.decode()
    assert "was restored" in answer
    assert 'form="delete-form"' in answer
    browser.post(f"/runs/{ended.uid}/delete")
    answer = browser.post(f"/trash/{ended.uid}/purge", follow=True).content.decode()
    assert "deleted for good; freed 5" in answer
    assert browser.get(f"/runs/{ended.uid}").status_code == 404
    assert browser.get(f"/runs/{ended.uid}/live").status_code == 404
    assert browser.post(f"/trash/{ended.uid}/purge").status_code == 404


def test_emptying_says_what_was_freed(browser: Client, ended: TrainingRun) -> None:
    browser.post(f"/runs/{ended.uid}/delete")
    answer = browser.post("/trash/empty", follow=True).content.decode()
    assert "1 run deleted for good; freed 5" in answer
    assert "The trash is empty" in answer


def test_a_live_run_is_cancelled_first(browser: Client, make_run: MakeRun) -> None:
    run = make_run(status=RunStatus.RUNNING)
    refused = browser.post(f"/runs/{run.uid}/delete", follow=True).content.decode()
    assert "cancel it before you delete it" in refused
    assert "Cancel and delete" in refused

    page = browser.post(f"/runs/{run.uid}/delete", {"cancel": "true"}, follow=True).content.decode()

    assert 'id="trash-wanted"' in page
    assert "Cancel and delete" not in page


def test_get_changes_nothing(browser: Client, ended: TrainingRun) -> None:
    for rest in ("restore", "purge"):
        assert browser.get(f"/trash/{ended.uid}/{rest}").status_code == 405
    for rest in ("empty", "compare"):
        assert browser.get(f"/trash/{rest}").status_code == 405


def test_files_are_compared_with_records_on_request(
    browser: Client,
    ended: TrainingRun,
    runs_root: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.MEDIA_ROOT = runs_root.parent
    settings.DATASETS_ROOT = runs_root.parent / "datasets"
    monkeypatch.setattr(reconcile, "SETTLED_SECONDS", -60.0)
    (runs_root / "orphan").mkdir()

    page = browser.post("/trash/compare").content.decode()
    assert "No run has this folder" in page
    assert (runs_root / "orphan").is_dir()
    page = browser.post("/trash/compare", {"repair": "yes"}).content.decode()
    assert "orphan was removed" in page
    assert "files and records agree" in page
    assert not (runs_root / "orphan").exists()


@pytest.mark.parametrize(("free", "said"), [(0.5, ""), (0.05, "disk-low"), (0.01, "disk-full")])
def test_home_warns_before_the_disk_is_full(
    browser: Client, db: None, free: float, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(monkeypatch, free)
    page = browser.get("/").content.decode()
    for alert in ("disk-low", "disk-full"):
        assert (f'id="{alert}"' in page) is (alert == said)


def test_nothing_new_begins_on_a_full_disk(
    browser: Client, ended: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(monkeypatch, 0.01)
    client = Client()
    body = {"config": {"data_source": "any"}}
    for address, sent in (
        ("/runs", body),
        ("/groups", body | {"seeds": 2}),
        (f"/runs/{ended.uid}/predictions", {"source": "any", "last": 1}),
        (f"/runs/{ended.uid}/exports", {}),
        (f"/runs/{ended.uid}/retry", {}),
    ):
        answer = client.post(address, sent, content_type="application/json")
        assert answer.status_code == 507, address
        assert "Only 10.0 GB (1.0 %)" in answer.json()["detail"]
    assert TrainingRun.objects.count() == 1
    # Reading and deleting go on.
    assert client.get(f"/runs/{ended.uid}").status_code == 200
    assert client.delete(f"/runs/{ended.uid}").status_code == 204
    assert client.delete("/trash").json()["freed_bytes"] >= 50_000


def test_the_builder_tells_the_room_a_run_takes(
    browser: Client, candles: Path, runs_root: Path, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    _step(browser, "data", DATA)
    _step(browser, "horizons", {"horizons-short": "15m", "horizons-long": "1h"})
    _step(browser, "model", {"model-variant": "tiny"})
    _step(browser, "train", TRAIN | {"go": "model"})
    last = "/runs/new/train?draft=d1"

    page = browser.get(last).content.decode()
    assert "with at most 4 checkpoints of 3." in page  # of two epochs, the best and the last
    usage = Usage(10**9, 10**9 - 40_000_000, 40_000_000)  # of which 30 MB are kept
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    page = browser.get(last).content.decode()
    assert "40 MB are free, of which 30 MB are kept" in page
    assert "empty the trash" in page

    fill(monkeypatch, 0.01)
    answer = _step(browser, "train", TRAIN)

    assert answer.status_code == 507
    assert "nothing starts below 3 %" in answer.content.decode()
    assert not TrainingRun.objects.exists()
