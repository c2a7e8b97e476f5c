"""The same for the preset base on 200,000 candles: half an hour or more on a CPU.

Two runs, with early stopping as the preset has it, but at most ``MAX_EPOCHS`` epochs of a thousand
steps, which leaves the budget to be met early.
"""

from __future__ import annotations

from benches.oracle import described, run_once
from launcher.figures import Figure

SEEDS = (1, 2)
BARS = 200_000
MAX_EPOCHS = 2
LEAST_SHARE = 0.95


def measure() -> list[Figure]:
    """Two figures a seed."""
    figures = []
    values = {"model": {"variant": "base"}, "train": {"max_epochs": MAX_EPOCHS}}
    for seed in SEEDS:
        figures += described(
            f"base, seed {seed}", run_once(values, bars=BARS, seed=seed), LEAST_SHARE
        )
    return figures
