"""Every file of the shared folder: what it loads to, or the whole sentence that refuses it."""

from __future__ import annotations

from pathlib import Path

import pytest

from runs_app.forecasting.data.candles import read_candles
from runs_app.forecasting.data.inspect import facts_of
from runs_app.forecasting.errors import DataInvalid

LOADED = [
    ("crypto/BTCUSDT-1h-2023-01.csv", 744, "1h", "2023-01-01 00:00", "2023-01-31 23:00"),
    ("crypto/BTCUSDT-1h-2023-02.csv", 672, "1h", "2023-02-01 00:00", "2023-02-28 23:00"),
    ("crypto/BTCUSDT-1h-2023-03.csv", 743, "1h", "2023-03-01 00:00", "2023-03-31 23:00"),
    ("crypto/BTCUSDT-1h-2023-04.csv", 720, "1h", "2023-04-01 00:00", "2023-04-30 23:00"),
    ("crypto/BTCUSDT-1h-2023-05.csv", 744, "1h", "2023-05-01 00:00", "2023-05-31 23:00"),
    ("crypto/BTCUSDT_15m.csv.gz", 8_640, "15m", "2025-04-03 17:15", "2025-07-02 17:00"),
    ("crypto/BTCUSDT_5m.csv.gz", 25_920, "5m", "2025-04-03 17:05", "2025-07-02 17:00"),
    ("crypto/BTC_USDT-5m.feather", 140_614, "5m", "2024-03-01 00:00", "2025-07-02 05:45"),
    ("crypto/ETH_BTC-5m.feather", 5_760, "5m", "2018-01-10 04:55", "2018-01-30 04:50"),
    ("crypto/ETH_USDT-15m.feather", 35_999, "15m", "2023-04-01 00:00", "2024-04-09 23:30"),
    ("crypto/NEARUSDT-1m-2023-02.csv.gz", 40_320, "1m", "2023-02-01 00:00", "2023-02-28 23:59"),
    ("crypto/NEARUSDT-1m-2023-04.csv.gz", 43_200, "1m", "2023-04-01 00:00", "2023-04-30 23:59"),
    ("crypto/NEARUSDT-1m-2023-05.csv.gz", 44_640, "1m", "2023-05-01 00:00", "2023-05-31 23:59"),
    ("crypto/NEARUSDT-1m-2023-08.csv.gz", 44_640, "1m", "2023-08-01 00:00", "2023-08-31 23:59"),
    ("crypto/NEARUSDT-1m-2023-09.csv.gz", 43_200, "1m", "2023-09-01 00:00", "2023-09-30 23:59"),
    ("crypto/NEARUSDT-1m-2023-10.csv.gz", 44_640, "1m", "2023-10-01 00:00", "2023-10-31 23:59"),
    ("crypto/bitfinex_BTCUSD_1m_2016.csv.gz", 293_230, "1m", "2016-01-01 00:00", "2016-12-31 23:58"),
    ("crypto/bitfinex_BTCUSD_1m_2017.csv.gz", 505_209, "1m", "2017-01-01 00:00", "2017-12-31 23:59"),
    ("crypto/bitfinex_BTCUSD_1m_2018.csv.gz", 520_499, "1m", "2018-01-01 00:00", "2018-12-31 23:59"),
    ("crypto/bitfinex_ETHUSD_1m_2018.csv.gz", 508_048, "1m", "2018-01-01 00:00", "2018-12-31 23:59"),
    ("crypto/bitfinex_LTCUSD_1m_2016.csv.gz", 41_250, "1m", "2016-01-01 00:05", "2016-12-31 22:54"),
    ("crypto/btc-perp-20211231-20220201_1m.csv.gz", 45_031, "1m", "2021-12-31 23:01", "2022-02-01 05:31"),
    ("crypto/coinbase_btcusd_daily_trade.zip", 1_318, "1d", "2014-12-01 00:00", "2018-08-13 00:00"),
    ("dirty/binance_BTCUSDT-1h-2024-12.csv", 744, "1h", "2024-12-01 00:00", "2024-12-31 23:00"),
    ("dirty/binance_BTCUSDT-1h-2025-01.csv", 744, "1h", "2025-01-01 00:00", "2025-01-31 23:00"),
    ("dirty/bittrex_btc-usdt.csv", 874, "1d", "2015-12-12 00:00", "2018-06-18 00:00"),
    ("dirty/cdd_Coinbase_BTCUSD_1h.csv", 20_111, "1h", "2017-07-01 11:00", "2019-10-17 09:00"),
    ("dirty/freqtrade_UNITTEST_BTC-1m.json.gz", 13_681, "1m", "2017-11-04 23:02", "2017-11-14 22:59"),
    ("dirty/kraken_XBTUSD_60.csv.gz", 70_253, "1h", "2013-10-06 21:00", "2023-01-07 09:00"),
    ("dirty/offset_CL_F_5m.csv", 231, "5m", "2025-10-14 04:00", "2025-10-15 00:20"),
    ("dirty/offset_EURUSD_X_5m.csv", 247, "5m", "2025-10-13 23:00", "2025-10-14 19:30"),
    ("dirty/yfinance_AAPL_1h.csv", 3_299, "1h", "2024-01-02 14:30", "2025-11-19 17:30"),
    ("fx_equity/2006-01-02-volume-min-001.txt.gz", 30_889, "1m", "2006-01-02 09:01", "2006-02-27 22:00"),
    ("fx_equity/MSFT_5m.csv", 1_639, "5m", "2026-04-30 13:30", "2026-05-29 20:00"),
    ("fx_equity/SPY_D.csv", 5_241, "1d", "1999-11-01 00:00", "2020-08-28 00:00"),
    ("fx_equity/XLK_5m.csv.gz", 56_363, "5m", "2023-09-27 08:00", "2025-09-25 22:45"),
    ("fx_equity/aapl_daily.zip", 5_849, "1d", "1998-01-02 00:00", "2021-03-31 00:00"),
    ("fx_equity/gbpusd-m1-ask-2012.csv.gz", 30_117, "1m", "2012-02-01 00:00", "2012-03-01 00:00"),
    ("fx_equity/gbpusd-m1-bid-2012.csv.gz", 30_117, "1m", "2012-02-01 00:00", "2012-03-01 00:00"),
    ("fx_equity/intraday_1m.csv", 1_564, "1m", "2020-12-15 09:30", "2020-12-18 16:00"),
    ("fx_equity/spy_hour.zip", 40_832, "1h", "1998-01-02 09:00", "2021-03-31 15:00"),
]  # fmt: skip

REPAIRED = [
    ("dirty/bad_quotes.csv", 337, "1d", "2017-01-03 00:00", "2018-12-31 00:00"),
    ("dirty/binance_BTCUSDT-1m-data.csv.gz", 15_693, "1m", "2021-10-11 00:00", "2021-10-21 21:32"),
    ("dirty/cdd_Binance_BTCUSDT_1h.csv.gz", 31_941, "1h", "2017-08-21 00:00", "2021-04-17 23:00"),
    ("dirty/investing_ETH_daily.csv", 2_069, "1d", "2017-01-01 00:00", "2022-09-01 00:00"),
    ("dirty/nasdaq_SPX_HistoricalData.csv", 2_515, "1d", "2015-04-22 00:00", "2025-04-21 00:00"),
    ("dirty/tab_EURUSD_M1.csv", 9_768, "1m", "2024-11-14 14:01", "2024-11-25 12:42"),
    ("dirty/xau-usd.json", 1_938, "2h", "2019-03-31 23:00", "2020-03-17 23:00"),
    ("dirty/yahoo_BTC-USD.csv", 2_227, "1d", "2014-09-17 00:00", "2020-10-22 00:00"),
    ("fx_equity/MSFT_1h.csv", 1_736, "1h", "2025-05-30 13:30", "2026-05-29 19:30"),
]

REFUSED = [
    (
        "benchmark/ETTh1.csv.gz",
        "the column open and the column high and the column low and the column close are "
        "missing; the columns are: date, HUFL, HULL, MUFL, MULL, LUFL, LULL, OT",
    ),
    (
        "benchmark/ETTm1.csv.gz",
        "the column open and the column high and the column low and the column close are "
        "missing; the columns are: date, HUFL, HULL, MUFL, MULL, LUFL, LULL, OT",
    ),
    (
        "benchmark/exchange_rate.txt.gz",
        "the file has no header, and its first column holds no times, so that it is no candle"
        " file; add a time column and a first line such as time,open,high,low,close,volume",
    ),
    (
        "dirty/bad_quotes.csv",
        "line 202: the time (empty) in column date cannot be read; write ISO text such as "
        "2024-01-31T12:00:00Z, or epoch seconds, milli-, micro- or nanoseconds (164 more "
        "faulty rows follow). Correct the file, or switch on repair to leave such rows out",
    ),
    (
        "dirty/binance_BTCUSDT-1m-data.csv.gz",
        "line 8487: the time 2021-10-16 21:25 UTC comes again on line 8488 (31 more faulty "
        "rows follow). Correct the file, or switch on repair to leave such rows out",
    ),
    (
        "dirty/cdd_Binance_BTCUSDT_1h.csv.gz",
        "line 3452: the time 2020-11-20 07:00 UTC comes again on line 3453 (2,645 more faulty"
        " rows follow). Correct the file, or switch on repair to leave such rows out",
    ),
    (
        "dirty/coinmarketcap_BTC_monthly.csv",
        "the candles are 31 days apart, and bars may last a week at most (months have no "
        "fixed length); choose weekly or shorter candles",
    ),
    (
        "dirty/investing_ETH_daily.csv",
        "line 1742: the value in column Vol. is missing or not a number. Correct the file, or"
        " switch on repair to leave such rows out",
    ),
    (
        "dirty/nasdaq_SPX_HistoricalData.csv",
        "line 2344: the price 0 in column Open is not above zero (4 more faulty rows follow)."
        " Correct the file, or switch on repair to leave such rows out",
    ),
    (
        "dirty/tab_EURUSD_M1.csv",
        "line 145: the high 1.0581 is below the open 1058 or the close 1.05792 (230 more "
        "faulty rows follow). Correct the file, or switch on repair to leave such rows out",
    ),
    (
        "dirty/xau-usd.json",
        "row 1853: the time 2019-11-03 22:00 UTC does not fit the grid of 7200 seconds on "
        "which most candles open (1,045 more faulty rows follow). Correct the file, or switch"
        " on repair to leave such rows out",
    ),
    (
        "dirty/yahoo_BTC-USD.csv",
        "line 2150: the value in column Open is missing or not a number. Correct the file, or"
        " switch on repair to leave such rows out",
    ),
    (
        "dirty/zeros_quotes.csv",
        "line 2: the price 0 in column open is not above zero (199 more faulty rows follow). "
        "Correct the file, or switch on repair to leave such rows out",
    ),
    (
        "fx_equity/MSFT_1h.csv",
        "line 166: the time 2025-07-03 17:00 UTC does not fit the grid of 3600 seconds on "
        "which most candles open (3 more faulty rows follow). Correct the file, or switch on "
        "repair to leave such rows out",
    ),
    (
        "fx_equity/oanda_eurusd_hour.zip",
        "the file holds quotes in the layout of Lean, bid and ask candles side by side, and "
        "no trades; which price is meant is yours to say: keep columns 1 to 6 (bid) or 1 and "
        "7 to 11 (ask) under a first line time,open,high,low,close,volume, or say which with "
        "data.column_order=bid or ask",
    ),
]

FIRST_CANDLES = [
    ("crypto/coinbase_btcusd_daily_trade.zip", [300, 370, 300, 370, 0.05655554]),
    ("dirty/cdd_Coinbase_BTCUSD_1h.csv", [2505.56, 2513.38, 2495.12, 2509.17, 287000.32]),
    ("dirty/freqtrade_UNITTEST_BTC-1m.json.gz", [*4 * [0.00162008], 108.14853839]),
    ("dirty/investing_ETH_daily.csv", [8.17, 8.59, 8.03, 8.20, 144_920]),
    ("dirty/nasdaq_SPX_HistoricalData.csv", [2098.27, 2109.98, 2091.05, 2107.96, 0]),
    ("dirty/xau-usd.json", [1292.367, 1292.489, 1290.502, 1291.729, 510]),
    (
        "dirty/yfinance_AAPL_1h.csv",
        [187.80099487304688, 188.44000244140625, 186.00999450683594, 186.1898956298828, 21173291],
    ),
    ("fx_equity/2006-01-02-volume-min-001.txt.gz", [3602, 3603, 3597, 3599, 5699]),
    ("fx_equity/aapl_daily.zip", [13.63, 16.25, 13.5, 16.25, 6_315_000]),
    ("fx_equity/spy_hour.zip", [97.31, 97.53, 97.03, 97.03, 384_500]),
]
"""Open, high, low, close and volume of the earliest candle, copied from the files by eye."""


def test_every_file_of_the_folder_is_in_one_of_the_tables(shared_data: Path) -> None:
    there = {
        path.relative_to(shared_data).as_posix()
        for path in shared_data.rglob("*")
        if path.is_file() and path.name != "README.md"
    }
    loaded, refused = {row[0] for row in LOADED}, {row[0] for row in REFUSED}
    assert loaded | refused == there
    assert not loaded & refused
    assert {row[0] for row in REPAIRED} <= refused


def _check(path: Path, *, repair: bool, expected: tuple[int, str, str, str]) -> None:
    facts = facts_of(*read_candles(path, repair=repair))
    first, last = f"{facts.first_open:%Y-%m-%d %H:%M}", f"{facts.last_open:%Y-%m-%d %H:%M}"
    assert (facts.bars, facts.timeframe, first, last) == expected
    assert any(note.startswith("repair") for note in facts.notes) is repair


@pytest.mark.parametrize(("name", "bars", "timeframe", "first", "last"), LOADED)
def test_it_loads(
    shared_data: Path, name: str, bars: int, timeframe: str, first: str, last: str
) -> None:
    _check(shared_data / name, repair=False, expected=(bars, timeframe, first, last))


@pytest.mark.parametrize(("name", "bars", "timeframe", "first", "last"), REPAIRED)
def test_it_loads_with_repair(
    shared_data: Path, name: str, bars: int, timeframe: str, first: str, last: str
) -> None:
    _check(shared_data / name, repair=True, expected=(bars, timeframe, first, last))


@pytest.mark.parametrize(("name", "sentence"), REFUSED)
def test_it_is_refused_with_the_exact_reason(shared_data: Path, name: str, sentence: str) -> None:
    with pytest.raises(DataInvalid) as caught:
        read_candles(shared_data / name, repair=False)
    assert str(caught.value) == sentence


REPAIR_IN_VAIN = sorted({row[0] for row in REFUSED} - {row[0] for row in REPAIRED})


@pytest.mark.parametrize("name", REPAIR_IN_VAIN)
def test_what_repair_cannot_mend_stays_refused(shared_data: Path, name: str) -> None:
    with pytest.raises(DataInvalid):
        read_candles(shared_data / name, repair=True)


@pytest.mark.parametrize(("name", "expected"), FIRST_CANDLES)
def test_the_columns_are_what_they_are_taken_for(
    shared_data: Path, name: str, expected: list[float]
) -> None:
    candles, _ = read_candles(shared_data / name, repair=name in {row[0] for row in REPAIRED})
    columns = (candles.open, candles.high, candles.low, candles.close, candles.volume)
    assert [float(column[0]) for column in columns] == pytest.approx(expected, rel=1e-12)
