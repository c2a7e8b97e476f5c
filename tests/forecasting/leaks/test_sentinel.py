"""The sentinel passes an honest pipeline, and names each leak that is planted in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from runs_app.forecasting.config.schema import Indicator, RunConfig
from runs_app.forecasting.data import features, inputs, ledger, prepare
from runs_app.forecasting.data.candles import Candles, read_candles
from runs_app.forecasting.data.labels import Labels, label_decisions
from runs_app.forecasting.data.prepare import PreparedData, prepare_candles
from runs_app.forecasting.data.resample import Bars
from runs_app.forecasting.data.scaling import Scaler, scale_columns
from runs_app.forecasting.data.splits import split
from runs_app.forecasting.evaluation.documents import LeakFinding
from runs_app.forecasting.leaks import learnt, windows
from runs_app.forecasting.leaks.evidence import closed_by, ended_at, with_other_future
from runs_app.forecasting.leaks.sentinel import find_leaks
from runs_app.forecasting.training.leak_check import evidence_of
from tests.synthetic import random_candles, small_config

CONFIG = small_config()
CANDLES = random_candles(4000, seed=11, missing_share=0.1)
NAMES = ("features", "timeframes", "labels", "scaler", "warmup")

Columns = dict[str, np.ndarray]


def check(
    config: RunConfig = CONFIG, candles: Candles = CANDLES, data: PreparedData | None = None
) -> dict[str, LeakFinding]:
    made = data or prepare_candles(config, candles)
    return {one.name: one for one in find_leaks(evidence_of(config, made), seed=3)}


def failed(found: dict[str, LeakFinding]) -> set[str]:
    return {name for name, one in found.items() if not one.passed}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("timeframes", "decision", "missing"),
    [
        (["1m", "5m"], None, 0.0),
        (["5m", "15m"], None, 0.3),
        (["1m"], None, 0.7),
        (["1m", "5m", "15m"], "5m", 0.2),
    ],
)
def test_an_honest_pipeline_passes(
    timeframes: list[str], decision: str | None, missing: float, seed: int
) -> None:
    config = small_config(data={"timeframes": timeframes, "decision": decision, "max_gap_bars": 60})
    found = check(config, random_candles(9000, seed=seed, missing_share=missing))
    assert tuple(found) == NAMES
    assert failed(found) == set(), found


def test_the_same_seed_looks_at_the_same_moments() -> None:
    assert check() == check()


def test_it_says_how_much_it_looked_at() -> None:
    found = check()
    assert "At 48 moments" in found["features"].detail  # 24 in each of two timeframes
    assert "values were the same to the bit" in found["features"].detail
    decisions = len(prepare_candles(CONFIG, CANDLES).decision_time)
    assert f"{2 * decisions:,} pairs" in found["timeframes"].detail


def plant_indicator(monkeypatch: pytest.MonkeyPatch, change: Callable[[Bars], np.ndarray]) -> None:
    monkeypatch.setitem(features._INDICATORS, Indicator.RSI, lambda bars: {"rsi": change(bars)})


def one_bar_ahead(bars: Bars) -> np.ndarray:
    return np.roll(np.log(bars.close), -1) - np.log(bars.close)


def centred(bars: Bars) -> np.ndarray:
    return np.convolve(np.log(bars.high / bars.low), np.ones(5) / 5, mode="same")


def of_the_whole_file(bars: Bars) -> np.ndarray:
    return np.log(bars.close / bars.close.mean())


def filled_backwards(bars: Bars) -> np.ndarray:
    values = bars.volume.copy()
    gaps = np.flatnonzero(values[:-1] == 0)
    values[gaps] = values[gaps + 1]
    return np.log1p(values)


@pytest.mark.parametrize("leak", [one_bar_ahead, centred, of_the_whole_file, filled_backwards])
def test_a_feature_that_looks_ahead_is_caught(
    leak: Callable[[Bars], np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant_indicator(monkeypatch, leak)
    found = check()
    assert "features" in failed(found)
    assert "Rsi of" in found["features"].detail


def test_a_join_on_the_opening_of_bars_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_opening(bars: Bars, at: np.ndarray) -> np.ndarray:
        return np.searchsorted(bars.open_time, at, side="right") - 1

    monkeypatch.setattr(inputs, "last_visible", by_opening)
    found = check(candles=random_candles(4000, seed=2))
    assert "timeframes" in failed(found)
    assert "is shown the 1m bar that closes at" in found["timeframes"].detail


def test_a_join_of_the_slow_timeframe_alone_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = inputs.last_visible

    def one_more(bars: Bars, at: np.ndarray) -> np.ndarray:
        ahead = int(bars.timeframe == "5m")
        return np.minimum(honest(bars, at) + ahead, len(bars) - 1)

    monkeypatch.setattr(inputs, "last_visible", one_more)
    found = check()
    assert "5m bar that closes at" in found["timeframes"].detail


def test_a_bar_that_is_kept_back_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = inputs.last_visible
    monkeypatch.setattr(inputs, "last_visible", lambda bars, at: honest(bars, at) - 1)
    assert "is not shown the" in check()["timeframes"].detail


def test_a_purge_one_bar_too_short_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_entry_bar(
        config: RunConfig, times: np.ndarray, ends: np.ndarray
    ) -> dict[str, np.ndarray]:
        parts = split(config, times, ends)
        train = np.flatnonzero(ends < times[parts["validation"][0]])
        return {**parts, "train": train}

    whole = random_candles(4000, seed=2)
    assert "more than 60 s is required" in check(candles=whole)["labels"].detail
    monkeypatch.setattr(ledger, "split", without_entry_bar)
    found = check(candles=whole)
    assert failed(found) == {"labels"}
    assert "1 labels of train reach validation" in found["labels"].detail


def test_a_forgotten_embargo_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_config(data={"embargo": "3h"})
    assert failed(check(config)) == set()

    def without_embargo(
        asked: RunConfig, times: np.ndarray, ends: np.ndarray
    ) -> dict[str, np.ndarray]:
        none = asked.model_copy(update={"data": asked.data.model_copy(update={"embargo": "0m"})})
        return split(none, times, ends)

    monkeypatch.setattr(ledger, "split", without_embargo)
    assert failed(check(config)) == {"labels"}


def test_a_label_that_reaches_further_than_it_says_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def one_bar_on(bars: Bars, horizons: object, gap: int) -> Labels:
        labels = label_decisions(bars, CONFIG.horizons, gap)
        return replace(labels, target=np.roll(labels.target, -1))

    monkeypatch.setattr(ledger, "label_decisions", one_bar_on)
    assert failed(check()) == {"labels"}


def test_a_direction_that_reaches_further_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def later(bars: Bars, horizons: object, gap: int) -> Labels:
        labels = label_decisions(bars, CONFIG.horizons, gap)
        return replace(labels, long=np.roll(labels.long, -40))

    monkeypatch.setattr(ledger, "label_decisions", later)
    found = check()
    assert failed(found) == {"labels"}
    assert "needs candles after" in found["labels"].detail


def test_a_scaler_of_everything_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def of_everything(
        timeframe: str, columns: Columns, first: int, end: int
    ) -> tuple[Scaler, np.ndarray]:
        return scale_columns(timeframe, columns, first, columns.bars)

    monkeypatch.setattr(prepare, "scale_columns", of_everything)
    found = check()
    assert failed(found) == {"scaler"}
    assert "and the train part gives" in found["scaler"].detail


def test_a_scaler_with_one_row_of_validation_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def one_more(
        timeframe: str, columns: Columns, first: int, end: int
    ) -> tuple[Scaler, np.ndarray]:
        return scale_columns(timeframe, columns, first, end + 1)

    monkeypatch.setattr(prepare, "scale_columns", one_more)
    assert failed(check()) == {"scaler"}


def test_a_volatility_floor_of_everything_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "floor_of", lambda known: 1.1 * float(np.median(known)))
    assert failed(check()) == {"scaler"}


def test_what_remembers_the_beginning_of_the_file_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plant_indicator(monkeypatch, lambda bars: np.cumsum(np.sign(bars.close - bars.open)))
    found = check()
    assert failed(found) == {"warmup"}
    assert "rsi of" in found["warmup"].detail.lower()


def test_a_volatility_that_looks_ahead_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = inputs.volatility_per_bar

    def one_bar_ahead(decisions: Bars) -> np.ndarray:
        return np.roll(honest(decisions), -1, axis=0)

    for module in (inputs, prepare, windows, learnt):
        monkeypatch.setattr(module, "volatility_per_bar", one_bar_ahead)
    found = check()
    assert "features" in failed(found)
    assert "he volatility at" in found["features"].detail


def test_a_volatility_that_was_shifted_after_it_was_made_is_caught() -> None:
    data = prepare_candles(CONFIG, CANDLES)
    found = check(data=replace(data, volatility=torch.roll(data.volatility, -1, dims=0)))
    assert {"scaler", "warmup"} <= failed(found)


def test_inputs_that_were_shifted_after_they_were_made_are_caught() -> None:
    """The functions are honest, and still the network is fed the bar after the newest."""
    data = prepare_candles(CONFIG, CANDLES)
    shifted = tuple(torch.roll(values, -1, dims=0) for values in data.features)
    found = check(data=replace(data, features=shifted))
    assert {"features", "warmup"} <= failed(found)


def test_candles_end_and_change_exactly_at_the_moment() -> None:
    moment = int(CANDLES.open_time[700]) + 60_000
    known = closed_by(CANDLES, moment)
    assert len(known) == 701
    other = with_other_future(CANDLES, moment, np.random.default_rng(0))
    assert np.array_equal(other.close[:701], CANDLES.close[:701])
    assert not np.isclose(other.close[701:], CANDLES.close[701:]).any()
    assert bool((other.low <= np.minimum(other.open, other.close)).all())
    assert len(ended_at(CANDLES, moment)) == 701
    assert len(ended_at(CANDLES, moment + 1)) == 702  # a candle that says the minute has passed


def test_real_candles_pass(shared_data: Path) -> None:
    candles, _ = read_candles(
        shared_data / "crypto" / "bitfinex_LTCUSD_1m_2016.csv.gz", repair=True
    )
    config = small_config(
        data={"timeframes": ["5m", "15m", "1h"], "max_gap_bars": 30},
        horizons={"next_bars": 12, "short": "1h", "long": "1d"},
    )
    found = check(config, candles)
    assert failed(found) == set(), found
