"""A run directory with a small real configuration over a small candle file."""

from __future__ import annotations

from pathlib import Path

import pytest

from runs_app.forecasting.config.document import to_yaml
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.prepare import PreparedData, prepare
from runs_app.forecasting.events import CONFIG_FILE
from tests.synthetic import small_config


@pytest.fixture(scope="session")
def data(data_root: Path) -> PreparedData:
    return prepare(small_config(), data_root)


def write_run(folder: Path, config: RunConfig) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG_FILE).write_text(to_yaml(config), encoding="utf-8")
    return folder
