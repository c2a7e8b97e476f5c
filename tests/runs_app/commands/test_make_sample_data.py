"""``manage.py make_sample_data``."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from runs_app.forecasting.data.endings import FILE_NAME
from runs_app.models import DataSet

pytestmark = pytest.mark.django_db


def make(*options: str) -> str:
    out = StringIO()
    call_command("make_sample_data", *options, stdout=out)
    return out.getvalue()


def test_the_sample_is_written_and_says_it_is_synthetic(data_root: Path) -> None:
    out = make("--bars", "2000")
    row = DataSet.objects.get()
    assert (row.path, row.bars, row.timeframe, row.synthetic) == (FILE_NAME, 2000, "1m", True)
    assert "2,000 synthetic 1m candles" in out


def test_an_existing_file_is_kept_unless_forced(data_root: Path) -> None:
    make("--bars", "2000")
    first = (data_root / FILE_NAME).read_bytes()
    assert make("--bars", "3000").startswith("Kept")
    assert (data_root / FILE_NAME).read_bytes() == first
    assert make("--bars", "3000", "--force").startswith("Wrote")
    assert DataSet.objects.get().bars == 3000
    make("--bars", "2000", "--force")
    assert (data_root / FILE_NAME).read_bytes() == first


@pytest.mark.parametrize("options", [["--bars", "5"], ["--bars", "999999999"], ["--seed", "-1"]])
def test_odd_numbers_are_refused(data_root: Path, options: list[str]) -> None:
    with pytest.raises(CommandError):
        make(*options)
    assert not list(data_root.iterdir())
