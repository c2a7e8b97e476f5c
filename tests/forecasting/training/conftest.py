"""A run directory with a small real configuration over a small candle file."""

from __future__ import annotations

from pathlib import Path

import pytest

from runs_app.forecasting.config.document import to_yaml
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.prepare import PreparedData, prepare
from runs_app.forecasting.events import CONFIG_FILE
from tests.synthetic import random_candles, small_config, write_candles

BARS = 4000


@pytest.fixture(scope="session")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("candles")
    write_candles(root / "candles.csv", random_candles(BARS))
    return root


@pytest.fixture(scope="session")
def data(data_root: Path) -> PreparedData:
    return prepare(small_config(), data_root)


def write_run(folder: Path, config: RunConfig) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG_FILE).write_text(to_yaml(config), encoding="utf-8")
    return folder
