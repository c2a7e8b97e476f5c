"""Where the real candle files of the tests lie."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real candle files beside the project; the test is skipped without it."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the real candle files in ../shared/data, and they are not there")
    return SHARED_DATA
