"""The shuffled-label control knows nothing on honest inputs, and much when one holds a label."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from runs_app.forecasting.config.compose import preset_tree
from runs_app.forecasting.config.schema import Indicator, RunConfig, Variant
from runs_app.forecasting.data import features, inputs
from runs_app.forecasting.data.resample import Bars, resample
from runs_app.forecasting.evaluation.documents import LeakFinding
from runs_app.forecasting.training.control import shuffled, shuffled_label_control
from runs_app.forecasting.training.stopping import StopRequested
from tests.synthetic import random_candles, small_config

CONFIG = small_config()
CANDLES = random_candles(2600, seed=5, missing_share=0.1)
BARS = resample(CANDLES, "1m")


def control(
    config: RunConfig = CONFIG, *, seed: int = 0, decisions: int = 1500,
    check_stop: Callable[[], None] = lambda: None,
) -> LeakFinding:  # fmt: skip
    return shuffled_label_control(
        config, CANDLES, decisions=decisions, seed=seed, check_stop=check_stop
    )


@pytest.mark.parametrize("next_bars", [1, 12])
@pytest.mark.parametrize("seed", range(4))
def test_nobody_knows_what_cannot_be_known(seed: int, next_bars: int) -> None:
    found = control(small_config(horizons={"next_bars": next_bars}), seed=seed)
    assert found.name == "shuffled_labels"
    assert found.passed, found.detail
    assert "worse than the constant distribution" in found.detail


def ahead(bars: Bars) -> dict[str, np.ndarray]:
    close = np.log(bars.close)
    return {"rsi": 1000.0 * (np.roll(close, -1) - close)}


@pytest.mark.parametrize("seed", range(2))
def test_an_input_that_holds_the_label_is_found(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(features._INDICATORS, Indicator.RSI, ahead)
    found = control(small_config(horizons={"next_bars": 1}), seed=seed)
    assert not found.passed
    assert "it knows what cannot be known" in found.detail


def test_a_join_that_shows_unfinished_bars_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_opening(bars: Bars, at: np.ndarray) -> np.ndarray:
        return np.minimum(np.searchsorted(bars.open_time, at, side="right"), len(bars)) - 1

    monkeypatch.setattr(inputs, "last_visible", by_opening)
    assert not control(small_config(horizons={"next_bars": 1})).passed


def test_torch_goes_on_as_if_nothing_had_happened() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    first = control()
    assert torch.equal(torch.rand(4), expected)
    assert control() == first


def test_a_stop_ends_it() -> None:
    def stop() -> None:
        raise StopRequested

    with pytest.raises(StopRequested):
        control(check_stop=stop)


@pytest.mark.parametrize(
    ("timeframes", "decision", "used"),
    [
        (["1m", "1w"], None, "(1m)"),
        (["1m", "5m", "15m"], "5m", "(1m, 5m, 15m)"),
        (["1m", "15m", "1h", "1d"], "1d", "(15m, 1h, 1d)"),
    ],
)
def test_what_would_take_too_many_bars_is_left_out_and_it_says_what_was_in(
    timeframes: list[str], decision: str | None, used: str
) -> None:
    config = small_config(
        data={"timeframes": timeframes, "decision": decision},
        horizons={"short": "1d", "long": "2d"},
    )
    found = control(config)
    assert found.passed
    assert used in found.detail


def test_shuffled_bars_keep_their_shapes_and_nothing_else() -> None:
    made = shuffled(BARS, 5000, np.random.default_rng(0))
    assert len(made) == 5000
    assert bool((made.low <= np.minimum(made.open, made.close) * (1 + 1e-12)).all())
    assert bool((made.high >= np.maximum(made.open, made.close) * (1 - 1e-12)).all())
    moves, real = np.diff(np.log(made.close)), np.diff(np.log(BARS.close))
    assert moves.std() == pytest.approx(real.std(), rel=0.1)
    assert abs(float(np.corrcoef(np.abs(moves[1:]), np.abs(moves[:-1]))[0, 1])) < 0.05
    assert set(np.round(np.unique(made.volume), 9)) <= set(np.round(BARS.volume, 9))


@pytest.mark.parametrize("variant", list(Variant))
def test_every_preset_can_be_controlled(variant: Variant) -> None:
    tree = preset_tree(variant)
    tree["data"] |= {"source": "candles.csv", "timeframes": ["1m", "5m"]}
    assert control(RunConfig.model_validate(tree)).passed
