"""Candle files as people have them: read as they are, or refused with the true reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runs_app.forecasting.data.candles import read_candles
from runs_app.forecasting.errors import DataInvalid

CLEAN = [
    ("crypto/BTCUSDT-1h-2023-03.csv", 743, 3600, 1_677_628_800_000),
    ("crypto/NEARUSDT-1m-2023-02.csv.gz", 40_320, 60, 1_675_209_600_000),
    ("crypto/BTC_USDT-5m.feather", 140_614, 300, 1_709_251_200_000),
    ("crypto/ETH_USDT-15m.feather", 35_999, 900, 1_680_307_200_000),
    ("crypto/BTCUSDT_5m.csv.gz", 25_920, 300, 1_743_699_900_000),
    ("crypto/btc-perp-20211231-20220201_1m.csv.gz", 45_031, 60, 1_640_991_660_000),
    ("crypto/coinbase_btcusd_daily_trade.zip", 1318, 86_400, 1_417_392_000_000),
    ("dirty/binance_BTCUSDT-1h-2024-12.csv", 744, 3600, 1_733_011_200_000),
    ("dirty/binance_BTCUSDT-1h-2025-01.csv", 744, 3600, 1_735_689_600_000),
    ("dirty/bittrex_btc-usdt.csv", 874, 86_400, 1_449_878_400_000),
    ("dirty/kraken_XBTUSD_60.csv.gz", 70_253, 3600, 1_381_093_200_000),
    ("dirty/offset_CL_F_5m.csv", 231, 300, 1_760_414_400_000),
    ("dirty/offset_EURUSD_X_5m.csv", 247, 300, 1_760_396_400_000),
    ("fx_equity/gbpusd-m1-bid-2012.csv.gz", 30_117, 60, 1_328_054_400_000),
    ("fx_equity/SPY_D.csv", 5241, 86_400, 941_414_400_000),
]


@pytest.mark.parametrize(("name", "bars", "bar_seconds", "first_open"), CLEAN)
def test_clean_files_are_read_whole(
    shared_data: Path, name: str, bars: int, bar_seconds: int, first_open: int
) -> None:
    candles, _ = read_candles(shared_data / name, repair=False)
    assert len(candles) == bars
    assert candles.bar_seconds == bar_seconds
    assert candles.open_time[0] == first_open
    assert bool(np.all(np.diff(candles.open_time) > 0))
    assert bool(np.all(candles.high >= np.maximum(candles.open, candles.close)))
    assert bool(np.all(candles.low <= np.minimum(candles.open, candles.close)))


@pytest.mark.parametrize(
    ("name", "bars"),
    [
        ("bitfinex_BTCUSD_1m_2017.csv.gz", 505_209),
        ("bitfinex_LTCUSD_1m_2016.csv.gz", 41_250),
    ],
)
def test_bitfinex_order_is_recognised(shared_data: Path, name: str, bars: int) -> None:
    candles, notes = read_candles(shared_data / "crypto" / name, repair=False)
    assert len(candles) == bars
    assert "Bitfinex" in notes[0]
    # In the right order a close is mostly the next bar's open; in the wrong one the low would be.
    assert np.median(np.abs(np.log(candles.open[1:] / candles.close[:-1]))) < 1e-3


@pytest.mark.parametrize(
    ("name", "bars", "left_out"),
    [
        ("cdd_Binance_BTCUSDT_1h.csv.gz", 31_941, 2646),
        ("binance_BTCUSDT-1m-data.csv.gz", 15_693, 32),
        ("yahoo_BTC-USD.csv", 2227, 1),
        ("tab_EURUSD_M1.csv", 9768, 153),
    ],
)
def test_dirty_files_are_repaired_and_it_is_said(
    shared_data: Path, name: str, bars: int, left_out: int
) -> None:
    candles, notes = read_candles(shared_data / "dirty" / name, repair=True)
    assert len(candles) == bars
    assert any(note.startswith(f"repair: {left_out:,} row(s) left out") for note in notes)


def test_repair_keeps_the_final_candle_after_the_unfinished_one(shared_data: Path) -> None:
    path = shared_data / "dirty" / "binance_BTCUSDT-1m-data.csv.gz"
    candles, _ = read_candles(path, repair=True)
    at = int(np.searchsorted(candles.open_time, 1_634_419_500_000))  # 2021-10-16 21:25 UTC
    assert candles.open_time[at] == 1_634_419_500_000
    volumes = candles.volume[at - 5 : at + 6]
    assert candles.volume[at] > 0.1 * float(np.median(volumes))


def test_a_file_of_zeros_is_not_repaired_into_nothing(shared_data: Path) -> None:
    with pytest.raises(DataInvalid, match="0 usable candle"):
        read_candles(shared_data / "dirty" / "zeros_quotes.csv", repair=True)
