"""On candles whose truth is known, a tiny run comes to know nearly all that can be known.

Three epochs instead of the preset's ten, for the time; ``bin/bench oracle`` takes all of them.
"""

from __future__ import annotations

import pytest

from benches.oracle import LEAST_SHARE, run_once
from runs_app.forecasting.data.sample import DEFAULT_BARS


@pytest.mark.slow
def test_a_tiny_run_closes_the_distance_to_the_truth() -> None:
    shares = run_once(
        {"model": {"variant": "tiny"}, "train": {"max_epochs": 3}}, bars=DEFAULT_BARS, seed=4
    )
    assert shares.scored >= LEAST_SHARE
    assert 0.95 <= shares.expected <= 1.0
