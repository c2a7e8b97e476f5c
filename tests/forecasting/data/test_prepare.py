"""From file to tensors: complete, reproducible, and blind to the future."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from runs_app.forecasting.config.half_lives import HALF_LIVES_BARS
from runs_app.forecasting.data.candles import Candles
from runs_app.forecasting.data.prepare import PreparedData, prepare, prepare_candles
from runs_app.forecasting.data.scaling import CLIP
from runs_app.forecasting.data.warmup import WARMUP_BARS
from runs_app.forecasting.data.windows import gather
from runs_app.forecasting.errors import ConfigInvalid, DataInvalid
from tests.synthetic import random_candles, small_config, write_candles

CONFIG = small_config()
CONTEXT = CONFIG.model.context_bars
CANDLES = random_candles(2600, seed=5, missing_share=0.1)


@pytest.fixture(scope="module")
def prepared() -> PreparedData:
    return prepare_candles(CONFIG, CANDLES)


def test_shapes_and_types_are_as_promised(prepared: PreparedData) -> None:
    count = len(prepared.decision_time)
    assert prepared.timeframes == ("1m", "5m")
    assert prepared.decision_time.dtype == np.int64
    assert prepared.close.dtype == np.float64
    for tensor, dtype in (
        (prepared.target, torch.float32),
        (prepared.short_label, torch.int64), (prepared.long_label, torch.int64),
    ):  # fmt: skip
        assert tensor.shape == (count,)
        assert tensor.dtype == dtype
    for values, names, last in zip(
        prepared.features, prepared.feature_names, prepared.last_bar, strict=True
    ):
        assert values.dtype == torch.float32
        assert values.is_contiguous()
        assert values.shape[1] == len(names)
        assert bool(torch.isfinite(values).all())
        assert float(values.abs().max()) <= CLIP
        assert last.shape == (count,)
        assert int(last.min()) >= WARMUP_BARS + CONTEXT - 1  # every window is full and warm
        assert int(last.max()) < len(values)
    assert prepared.volatility.shape == (count, len(HALF_LIVES_BARS))
    assert prepared.volatility.dtype == torch.float32
    assert float(prepared.volatility.min()) > 0
    assert set(prepared.short_label.tolist()) <= {0, 1, 2}


def test_the_same_twice_is_the_same_to_the_bit(prepared: PreparedData) -> None:
    again = prepare_candles(CONFIG, CANDLES)
    for one, two in zip(prepared.features, again.features, strict=True):
        assert torch.equal(one, two)
    assert prepared.scalers == again.scalers
    assert prepared.notes == again.notes


def test_train_features_are_centred_and_calendar_is_left_alone(prepared: PreparedData) -> None:
    last_train = int(prepared.splits["train"][-1])
    end = int(prepared.last_bar[0][last_train]) + 1
    known = prepared.features[0][WARMUP_BARS:end].double()
    names = prepared.feature_names[0]
    for i, name in enumerate(names):
        scaler = dict(zip(names, prepared.scalers[0]["std"], strict=True))
        if name.startswith(("hour", "weekday")):
            assert scaler[name] == 1.0
        else:
            assert abs(float(known[:, i].mean())) < 0.1, name
            assert 0.5 < float(known[:, i].std()) < 1.1, name


def test_the_ledger_accounts_for_every_row(prepared: PreparedData) -> None:
    line = next(note for note in prepared.notes if "warm-up and context" in note)
    numbers = [int(n.replace(",", "")) for n in re.findall(r"[0-9][0-9,]*", line)]
    total, *lost, used = numbers
    assert total - sum(lost) == used
    assert used == sum(len(index) for index in prepared.splits.values())
    assert total == len(CANDLES)


def _other_future(candles: Candles, first: int, seed: int) -> Candles:
    other = random_candles(len(candles), seed=seed + 500)
    changed = {}
    for name in ("open", "high", "low", "close", "volume"):
        values = getattr(candles, name).copy()
        values[first:] = 5.1 * getattr(other, name)[first:]
        changed[name] = values
    return replace(candles, **changed)


@settings(max_examples=15, deadline=None)
@given(share=st.floats(0.0, 1.0), seed=st.integers(0, 99))
def test_nothing_known_at_a_decision_changes_with_what_comes_after(
    prepared: PreparedData, share: float, seed: int
) -> None:
    """Candles after a decision are replaced; windows, volatility and scalers stay, to the bit."""
    begin = int(prepared.splits["train"][-1])
    at = begin + int(share * (len(prepared.decision_time) - 1 - begin))
    moment = prepared.decision_time[at]
    first = int(np.searchsorted(CANDLES.open_time, moment))
    changed = prepare_candles(CONFIG, _other_future(CANDLES, first, seed))
    assert np.array_equal(changed.decision_time, prepared.decision_time)
    assert changed.scalers == prepared.scalers
    assert torch.equal(changed.volatility[: at + 1], prepared.volatility[: at + 1])
    assert np.array_equal(changed.close[: at + 1], prepared.close[: at + 1])
    index = torch.arange(max(0, at - 50), at + 1)
    before = gather(prepared.features, prepared.last_bar, index, CONTEXT)
    after = gather(changed.features, changed.last_bar, index, CONTEXT)
    for one, two in zip(before, after, strict=True):
        assert torch.equal(one, two)
    if at + 60 < len(prepared.decision_time):
        assert not torch.equal(changed.target[at + 5 :], prepared.target[at + 5 :])


def test_scalers_know_nothing_after_the_last_train_decision(prepared: PreparedData) -> None:
    moment = prepared.decision_time[int(prepared.splits["train"][-1])]
    first = int(np.searchsorted(CANDLES.open_time, moment))
    assert prepare_candles(CONFIG, _other_future(CANDLES, first, 1)).scalers == prepared.scalers
    earlier = prepare_candles(CONFIG, _other_future(CANDLES, first - 1, 1))
    assert earlier.scalers != prepared.scalers


def test_the_volatility_floor_knows_nothing_after_the_last_train_decision() -> None:
    """Where the price stands still the floor is what is forecast, so that it shows there."""
    prices = {}
    for name in ("open", "high", "low", "close"):
        prices[name] = getattr(CANDLES, name).copy()
        prices[name][1200:1400] = prices["open"][1200]
    still = replace(CANDLES, **prices)
    data = prepare_candles(CONFIG, still)
    at = int(data.splits["train"][-1])
    fastest = data.volatility[:at, 0]
    assert float(data.volatility[:at].min()) == float(fastest.mode().values) > 0
    first = int(np.searchsorted(CANDLES.open_time, data.decision_time[at]))
    wild = _other_future(still, first, 1)
    wild = replace(wild, close=wild.close.copy())
    wild.close[first::2] = wild.low[first::2]
    wild.close[first + 1 :: 2] = wild.high[first + 1 :: 2] * 2
    changed = prepare_candles(CONFIG, replace(wild, high=wild.high * 2))
    assert torch.equal(changed.volatility[: at + 1], data.volatility[: at + 1])


def test_windows_end_at_the_last_bar_closed_by_the_decision(prepared: PreparedData) -> None:
    for timeframe, minutes in (("1m", 1), ("5m", 5)):
        slot = prepared.timeframes.index(timeframe)
        span = minutes * 60_000
        opens = np.unique(CANDLES.open_time // span * span)
        closed = np.searchsorted(opens + span, prepared.decision_time, side="right") - 1
        assert np.array_equal(prepared.last_bar[slot].numpy(), closed)


COARSE = small_config(data={"decision": "5m"})


@pytest.fixture(scope="module")
def coarse() -> PreparedData:
    """Decisions at each 5m close; the 1m bars up to it are context."""
    return prepare_candles(COARSE, CANDLES)


def test_decisions_can_be_made_on_a_coarser_timeframe_than_the_finest(
    coarse: PreparedData,
) -> None:
    assert coarse.timeframes == ("1m", "5m")
    assert coarse.bars.timeframe == "5m"
    assert np.array_equal(coarse.bars.available_at[coarse.decision_bar], coarse.decision_time)
    assert np.array_equal(coarse.bars.close[coarse.decision_bar], coarse.close)
    assert not (coarse.decision_time % 300_000).any()
    ahead = np.log(coarse.bars.close[coarse.decision_bar + 2] / coarse.close)
    assert np.allclose(coarse.target.numpy(), ahead, atol=1e-7)
    closes = CANDLES.open_time + 60_000
    newest = closes[coarse.last_bar[0].numpy()]
    assert (newest <= coarse.decision_time).all()
    following = closes[np.minimum(coarse.last_bar[0].numpy() + 1, len(closes) - 1)]
    assert (following > coarse.decision_time).all()
    border = coarse.decision_time[coarse.splits["validation"][0]]
    last = coarse.decision_time[coarse.splits["train"][-1]]
    assert border - last > (30 + 5) * 60_000  # the longest horizon and a 5m bar to enter


@pytest.mark.parametrize(("share", "seed"), [(0.0, 1), (0.3, 2), (0.7, 3), (1.0, 4)])
def test_a_coarser_decision_knows_nothing_of_what_comes_after(
    coarse: PreparedData, share: float, seed: int
) -> None:
    begin = int(coarse.splits["train"][-1])
    at = begin + int(share * (len(coarse.decision_time) - 1 - begin))
    first = int(np.searchsorted(CANDLES.open_time, coarse.decision_time[at]))
    changed = prepare_candles(COARSE, _other_future(CANDLES, first, seed))
    assert changed.scalers == coarse.scalers
    assert torch.equal(changed.volatility[: at + 1], coarse.volatility[: at + 1])
    index = torch.arange(max(0, at - 50), at + 1)
    before = gather(coarse.features, coarse.last_bar, index, CONTEXT)
    after = gather(changed.features, changed.last_bar, index, CONTEXT)
    for one, two in zip(before, after, strict=True):
        assert torch.equal(one, two)


def test_the_target_and_its_volatility_have_one_scale() -> None:
    data = prepare_candles(small_config(horizons={"next_bars": 9}), random_candles(6000, seed=9))
    ratio = (data.target.unsqueeze(-1) / data.volatility[:, 2:]).std(dim=0)
    assert bool(((ratio > 0.7) & (ratio < 1.6)).all())


def test_dates_cut_the_data(tmp_path: Path) -> None:
    write_candles(tmp_path / "candles.csv", random_candles(5000, seed=3))
    config = small_config(data={"start": "2024-01-01T12:00", "end": "2024-01-03T12:00:00Z"})
    data = prepare(config, tmp_path)
    warm = (WARMUP_BARS + CONTEXT) * 5 * 60_000
    assert data.decision_time[0] == 1_704_067_200_000 + 12 * 3_600_000 + warm
    assert data.decision_time[-1] <= 1_704_067_200_000 + 60 * 3_600_000 - 30 * 60_000


def test_a_source_may_lie_in_a_folder_but_not_outside(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    path = write_candles(tmp_path / "sub" / "candles.csv", random_candles(2600))
    assert len(prepare(small_config("sub/../sub/candles.csv"), tmp_path).decision_time)
    assert len(prepare(small_config(str(path)), Path("elsewhere")).decision_time)
    with pytest.raises(DataInvalid, match="leads out of DATA_ROOT"):
        prepare(small_config("../candles.csv"), tmp_path / "sub")


def test_what_the_file_cannot_give_names_the_field(tmp_path: Path) -> None:
    write_candles(tmp_path / "candles.csv", random_candles(900))
    with pytest.raises(ConfigInvalid, match="bars of 1m") as caught:
        prepare(small_config(), tmp_path)
    assert [error.path for error in caught.value.errors] == ["data.timeframes"]


def test_holes_that_leave_too_little_are_refused_with_the_count() -> None:
    with pytest.raises(DataInvalid, match=r"part has \d+ usable decisions.*warm-up.*= "):
        prepare_candles(
            small_config(data={"max_gap_bars": 0}), random_candles(2600, missing_share=0.8)
        )


def test_a_time_without_candles_is_refused(tmp_path: Path) -> None:
    one, two = (
        random_candles(3000),
        random_candles(3000, start_ms=1_704_067_200_000 + 20_000 * 60_000),
    )
    path = write_candles(tmp_path / "candles.csv", one)
    tail = write_candles(tmp_path / "two.csv", two).read_text().split("\n", 1)[1]
    path.write_text(path.read_text() + tail)
    config = small_config(data={"start": "2024-01-04T00:00", "end": "2024-01-10T00:00"})
    with pytest.raises(DataInvalid, match="the chosen time holds no candle"):
        prepare(config, tmp_path)


def test_real_sparse_minutes_are_prepared(shared_data: Path) -> None:
    config = small_config("crypto/bitfinex_LTCUSD_1m_2016.csv.gz",
                          data={"timeframes": ["1m", "15m", "1h"], "max_gap_bars": 30})  # fmt: skip
    data = prepare(config, shared_data)
    assert all(bool(torch.isfinite(values).all()) for values in data.features)
    assert float(data.volatility.min()) > 0
