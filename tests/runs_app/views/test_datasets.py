"""The data sets: facts of good files, sentences for bad ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def test_good_and_bad_files_are_listed(browser: Client, candles: Path, data_root: Path) -> None:
    (data_root / "broken.csv").write_text("time,open,high,low,close,volume\nnever,1,2,0,1,5\n")
    page = browser.get("/datasets").content.decode()
    assert "86,400" in page
    assert "2024-01-01 00:00" in page
    assert "has faults" in page


def test_an_empty_folder_says_what_to_put_there(browser: Client, data_root: Path) -> None:
    page = browser.get("/datasets").content.decode()
    assert "No candle file yet" in page
    assert ".parquet" in page
