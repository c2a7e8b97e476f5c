"""Candles that the tests share, and one thread for torch.

Its threads wait for one another, and tests share their cores.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.synthetic import random_candles, write_candles

BARS = 4000

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DATA_ROOT that holds ``candles.csv``: a random walk of a few days, one-minute bars."""
    root = tmp_path_factory.mktemp("candles")
    write_candles(root / "candles.csv", random_candles(BARS))
    return root
