"""A DATA_ROOT with synthetic candles, and run directories of the test's own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pytest_django import Settings

from runs_app.forecasting.data.sample import FILE_NAME, write_sample


@pytest.fixture(scope="session")
def sample_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 days of synthetic 1m candles, written once."""
    path = tmp_path_factory.mktemp("sample") / FILE_NAME
    write_sample(path)
    return path


@pytest.fixture
def data_root(tmp_path: Path, settings: Settings) -> Path:
    """An empty DATA_ROOT, named ``data``."""
    root = tmp_path / "data"
    root.mkdir()
    settings.DATA_ROOT = root
    return root


@pytest.fixture
def candles(data_root: Path, sample_file: Path) -> Path:
    """The seed document's ``data/BTCUSDT_1m.csv``, with synthetic candles."""
    return Path(shutil.copy(sample_file, data_root / "BTCUSDT_1m.csv"))


@pytest.fixture
def runs_root(tmp_path: Path, settings: Settings) -> Path:
    """An empty folder for run directories."""
    root = tmp_path / "runs"
    root.mkdir()
    settings.RUNS_ROOT = root
    return root
