"""Whole fits on candles whose truth is known: no edge where there is none, and one where there is.

The verdict is the product's promise, so it is tested through the one door and with several seeds.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.candles import Candles
from runs_app.forecasting.data.prepare import PreparedData, prepare
from runs_app.forecasting.data.sample import sample_candles
from runs_app.forecasting.evaluation.documents import (
    Outcome,
    TradingCheck,
    TradingRule,
    Verdict,
)
from runs_app.forecasting.training import fit
from tests.forecasting.training.conftest import write_run
from tests.synthetic import noise_candles, planted_candles, small_config, write_candles

BARS = 20_000
SEEDS = (1, 2, 3)
CORRELATION = 0.3

pytestmark = pytest.mark.slow


def verdict_on(candles: Candles, folder: Path, *, seed: int) -> tuple[Verdict, TradingCheck]:
    """Train on the candles and return what ``metrics.json`` says."""
    write_candles(folder / "candles.csv", candles)
    config = small_config(
        data={"timeframes": ["1m"]},
        features={"indicators": [], "calendar": False},
        horizons={"next_bars": 1},
        train={
            "max_epochs": 4, "steps_per_epoch": 100, "batch_size": 128, "learning_rate": 2e-3,
            "warmup_steps": 20, "seed": seed, "keep_checkpoints": 1,
        },
    )  # fmt: skip
    run_dir = write_run(folder / "run", config)
    assert fit.run(run_dir, folder, progress=False) == 0
    summary = json.loads((run_dir / "metrics.json").read_text())
    return Verdict.model_validate(summary["verdict"]), TradingCheck.model_validate(
        summary["trading"]
    )


def _profitable(trading: TradingCheck) -> bool:
    """True where some rule is likely to have earned something after costs by more than luck."""
    return any(
        (one.deflated_sharpe or 0.0) > 0.99
        for one in trading.results
        if one.rule is not TradingRule.BUY_AND_HOLD
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_white_noise_gives_no_edge(seed: int, tmp_path: Path) -> None:
    verdict, trading = verdict_on(noise_candles(BARS, seed=seed), tmp_path, seed=seed)
    assert not verdict.edge
    assert verdict.outcome is not Outcome.BEATS
    assert not _profitable(trading)
    assert verdict.baseline != "ewma"  # it takes noise for volatility: beating it alone is nothing


@pytest.mark.parametrize("seed", SEEDS)
def test_a_planted_signal_is_an_edge(seed: int, tmp_path: Path) -> None:
    candles = planted_candles(BARS, seed=seed, correlation=CORRELATION)
    verdict, trading = verdict_on(candles, tmp_path, seed=seed)
    assert verdict.edge, verdict.sentence
    best = 1.0 - (1.0 - CORRELATION**2) ** 0.5
    deciding = next(
        one
        for one in verdict.comparisons
        if (one.score, one.baseline) == ("crps", verdict.baseline)
    )
    assert 0.5 * best < deciding.skill_high
    assert deciding.skill_low < best  # more than the truth knows would be a leak
    # The close decided on is the open that follows, so all of the signal can be had: its mean size
    # a bar, and a coin's reversals cost one turnover a bar.
    level = trading.result(TradingRule.SIGN).break_even_bps
    assert level is not None
    assert level == pytest.approx(10.0 * CORRELATION * (2.0 / math.pi) ** 0.5, rel=0.4)


@pytest.mark.parametrize("seed", SEEDS)
def test_shuffled_targets_give_no_edge(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shuffled(config: RunConfig, data_root: Path) -> PreparedData:
        data = prepare(config, data_root)
        order = torch.randperm(len(data.target), generator=torch.Generator().manual_seed(seed))
        return replace(
            data,
            target=data.target[order],
            short_label=data.short_label[order],
            long_label=data.long_label[order],
        )

    monkeypatch.setattr(fit, "prepare", shuffled)
    verdict, trading = verdict_on(sample_candles(BARS, seed=seed), tmp_path, seed=seed)
    assert not verdict.edge
    assert not _profitable(trading)
    assert verdict.outcome is not Outcome.BEATS
