"""The data report: every defect that the shared folder's README states, counted alike."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from runs_app.forecasting.config.reading import AS_WRITTEN, ColumnOrder, DateOrder, Reading
from runs_app.forecasting.data.candles import read_candles
from runs_app.forecasting.data.examine import examine
from runs_app.forecasting.data.report import DataReport
from runs_app.forecasting.errors import DataInvalid
from tests.synthetic import random_candles, write_candles

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)

STATED = [
    (
        "dirty/cdd_Binance_BTCUSDT_1h.csv.gz",
        {"duplicate_differing": 2646, "zero_volume": 115},
        {"order": "newest first", "gaps": 7, "missing": 123, "step": 0.201},
        DAY + HOUR,
    ),
    (
        "dirty/cdd_Coinbase_BTCUSD_1h.csv",
        {"order": 5, "zero_volume": 28},
        {"order": "newest first"},
        None,
    ),
    (
        "dirty/kraken_XBTUSD_60.csv.gz",
        {},
        {"order": "ascending", "gaps": 3254, "missing": 10_856, "step": 0.257},
        2 * DAY + 9 * HOUR,
    ),
    ("dirty/binance_BTCUSDT-1h-2024-12.csv", {}, {"order": "ascending", "gaps": 0}, None),
    ("dirty/binance_BTCUSDT-1h-2025-01.csv", {}, {"order": "ascending", "gaps": 0}, None),
    ("dirty/investing_ETH_daily.csv", {}, {"order": "newest first", "step": 0.59}, None),
    ("dirty/yahoo_BTC-USD.csv", {"missing_price": 1}, {"gaps": 0}, None),
    (
        "dirty/freqtrade_UNITTEST_BTC-1m.json.gz",
        {},
        {"gaps": 538, "missing": 717},
        8 * MINUTE,
    ),
    ("dirty/coinmarketcap_BTC_monthly.csv", {"zero_volume": 8}, {"order": "newest first"}, None),
    (
        "dirty/tab_EURUSD_M1.csv",
        {"high_low": 231},
        {"gaps": 5, "step": 6.908},
        2 * DAY + MINUTE,
    ),
    ("dirty/bittrex_btc-usdt.csv", {}, {"gaps": 34, "missing": 46}, 6 * DAY),
    ("dirty/xau-usd.json", {}, {"gaps": 58}, 3 * DAY + 2 * HOUR),
    (
        "dirty/nasdaq_SPX_HistoricalData.csv",
        {"high_low": 5, "price_not_positive": 5},
        {"order": "newest first", "gaps": 545},
        4 * DAY,
    ),
    ("dirty/binance_BTCUSDT-1m-data.csv.gz", {"duplicate_differing": 32}, {"gaps": 0}, None),
    (
        "dirty/bad_quotes.csv",
        {
            "unreadable_time": 50,
            "missing_price": 51,
            "high_low": 12,
            "price_not_positive": 54,
            "zero_volume": 51,
        },
        {"gaps": 100},
        73 * DAY,
    ),
    (
        "dirty/zeros_quotes.csv",
        {"price_not_positive": 200, "zero_volume": 200},
        {"gaps": 42},
        4 * DAY,
    ),
    ("dirty/yfinance_AAPL_1h.csv", {"zero_volume": 3}, {"gaps": 473}, 3 * DAY + 22 * HOUR),
    ("dirty/offset_CL_F_5m.csv", {"zero_volume": 1}, {"gaps": 3}, HOUR + 5 * MINUTE),
    ("dirty/offset_EURUSD_X_5m.csv", {"zero_volume": 247}, {"gaps": 0}, None),
    (
        "crypto/bitfinex_LTCUSD_1m_2016.csv.gz",
        {},
        {"gaps": 24_004, "missing": 485_720, "step": 0.345},
        61 * DAY + HOUR + 8 * MINUTE,
    ),
    ("crypto/BTCUSDT-1h-2023-03.csv", {"zero_volume": 1}, {"gaps": 1, "missing": 1}, 2 * HOUR),
    (
        "crypto/coinbase_btcusd_daily_trade.zip",
        {},
        {"gaps": 8, "missing": 34, "step": 0.693},
        21 * DAY,
    ),
    ("crypto/NEARUSDT-1m-2023-09.csv.gz", {"zero_volume": 144}, {"gaps": 0}, None),
    ("fx_equity/aapl_daily.zip", {}, {"gaps": 1267, "step": 1.93}, 7 * DAY),
    ("fx_equity/MSFT_1h.csv", {"zero_volume": 13}, {"gaps": 253}, 3 * DAY + 20.5 * HOUR),
    ("fx_equity/spy_hour.zip", {}, {"gaps": 5848}, 6 * DAY + 18 * HOUR),
]
"""File, its findings, its spacing and largest step, and its longest step, as the README states."""

UNSTATED = {"jump", "flat_run", "missing_volume", "negative_volume", "off_grid", "zero_volume"}
"""Findings that the README says nothing of, or not for every file."""


@pytest.mark.parametrize(("name", "findings", "facts", "longest"), STATED)
def test_every_stated_defect_is_found_with_its_count(
    shared_data: Path,
    name: str,
    findings: dict[str, int],
    facts: dict[str, object],
    longest: timedelta | None,
) -> None:
    report = examine(shared_data / name).report
    found = {item.kind: item.count for item in report.findings}
    assert findings.items() <= found.items()
    assert found.keys() - findings.keys() <= UNSTATED
    step = abs(report.largest_step.log_return) if report.largest_step else None
    shown = report.model_dump() | {"step": None if step is None else round(step, 3)}
    assert {key: shown[key] for key in facts} == facts
    if longest is not None:
        gap = report.longest_gaps[0]
        assert gap.before - gap.after == longest
    assert len(report.timeframes) > 0 or report.bar_seconds == 31 * 86_400


def test_all_stated_defects_of_the_dirty_folder_are_in_the_table(shared_data: Path) -> None:
    there = {f"dirty/{path.name}" for path in (shared_data / "dirty").iterdir()}
    assert there <= {row[0] for row in STATED}


def test_the_report_agrees_with_the_reader_on_every_file(shared_data: Path) -> None:
    """Its sentence is the reader's own, and its candles are the reader's, to the bit."""
    for path in sorted(shared_data.rglob("*")):
        if path.name == "README.md" or not path.is_file() or "bitfinex_BTC" in path.name:
            continue
        examined = examine(path)
        try:
            plain, _ = read_candles(path, repair=False)
        except DataInvalid as error:
            assert examined.report.problem == str(error)
        else:
            assert not examined.report.problem
            assert examined.report.bars == len(plain)
        if examined.candles is not None:
            again, notes = read_candles(path, repair=True)
            assert notes == examined.notes
            for name in ("open_time", "open", "high", "low", "close", "volume"):
                assert np.array_equal(getattr(again, name), getattr(examined.candles, name))


def test_what_was_understood_is_told(shared_data: Path) -> None:
    report = examine(shared_data / "dirty/cdd_Binance_BTCUSDT_1h.csv.gz").report
    assert report.understood is not None
    assert report.understood.columns["time"] == "unix"
    assert report.understood.time == "epoch seconds and epoch milliseconds"
    assert report.understood.zone == "UTC"
    assert report.understood.volume == "column VolumeBTC"
    assert report.understood.container == ".csv.gz"
    finding = report.finding("duplicate_differing")
    assert finding is not None
    assert finding.stops
    assert finding.examples[0].line == 3452
    assert finding.share == pytest.approx(2646 / 34_587)
    naive = examine(shared_data / "dirty/tab_EURUSD_M1.csv").report.understood
    assert naive is not None
    assert naive.zone == "none in the file: taken as UTC"
    assert naive.header.endswith("tab")


def test_bars_of_every_timeframe_are_expected_and_present(tmp_path: Path) -> None:
    candles = random_candles(3000, seed=1, missing_share=0.2)
    kept = np.ones(len(candles), np.bool_)
    hour = (candles.open_time - candles.open_time[0]) // 3_600_000
    kept[hour == 7] = False  # one whole hour away
    thin = type(candles)(
        *(
            getattr(candles, name)[kept]
            for name in ("open_time", "open", "high", "low", "close", "volume")
        ),
        60,
    )
    report = examine(write_candles(tmp_path / "a.csv", thin)).report
    bars = {item.timeframe: item for item in report.timeframes}
    assert list(bars) == ["1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w"]
    assert bars["1m"].expected - bars["1m"].present == report.missing
    assert bars["1m"].present == len(thin) == bars["1m"].whole
    assert bars["1h"].expected - bars["1h"].present == 1
    assert bars["1h"].whole == 0
    longest = report.longest_gaps[0]
    begin = datetime.fromtimestamp(candles.open_time[0] / 1000, UTC)
    assert longest.missing >= 60
    assert longest.after < begin + 7 * HOUR < longest.before


def test_jumps_and_flat_runs_are_noted_and_stop_nothing(tmp_path: Path) -> None:
    candles = random_candles(2000, seed=3)
    close, open_ = candles.close.copy(), candles.open.copy()
    high, low = candles.high.copy(), candles.low.copy()
    for values in (open_, high, low, close):
        values[1000:] *= 3.0  # an unadjusted reverse split
        values[500:545] = 77.0
    changed = type(candles)(candles.open_time, open_, high, low, close, candles.volume, 60)
    report = examine(write_candles(tmp_path / "a.csv", changed)).report
    assert report.state == "usable"
    jump, flat = report.finding("jump"), report.finding("flat_run")
    assert jump is not None
    assert flat is not None
    assert not jump.stops
    assert jump.examples[0].line == 1002
    assert flat.count == 44  # the first of them still moves from the close before
    assert report.largest_step is not None
    assert report.largest_step.log_return == pytest.approx(np.log(3.0), abs=0.05)
    assert report.jump_threshold is not None
    assert 0.0 < report.jump_threshold < np.log(2.0)


AMBIGUOUS_DATES = "\n".join(
    ["date,open,high,low,close,volume"]
    + [f"{day:02d}/01/2024,10,12,9,{9 + day / 4},5" for day in range(1, 11)]
)


@pytest.mark.parametrize(
    ("order", "step"), [(DateOrder.DAY_FIRST, DAY), (DateOrder.MONTH_FIRST, 31 * DAY)]
)
def test_an_ambiguous_order_of_dates_is_asked_and_the_answer_is_kept(
    tmp_path: Path, order: DateOrder, step: timedelta
) -> None:
    path = tmp_path / "dates.csv"
    path.write_text(AMBIGUOUS_DATES)
    asked = examine(path).report
    assert asked.state == "question"
    assert asked.question is not None
    assert asked.question.field == "date_order"
    assert asked.question.readings == ("day_first", "month_first")
    assert asked.rows == 10
    assert "data.date_order=day_first or month_first" in asked.problem
    told = examine(path, Reading(date_order=order)).report
    assert told.question is None
    assert told.bar_seconds == step.total_seconds()


def test_one_broken_row_does_not_decide_the_order_of_columns(tmp_path: Path) -> None:
    path = tmp_path / "bare.csv"
    rows = [f"{1_700_000_000 + 60 * i},11,13,10,12,5" for i in range(20)]
    rows[7] = f"{1_700_000_000 + 60 * 7},11,10,13,12,5"
    path.write_text("\n".join(rows))
    assert examine(path).report.state == "question"
    told = examine(path, Reading(column_order=ColumnOrder.OHLC))
    assert told.report.state == "repairable"
    assert told.report.stopping[0].examples[0].line == 8
    assert told.candles is not None
    assert set(told.candles.close) == {12.0}
    wrong = examine(path, Reading(column_order=ColumnOrder.OCHL)).report
    assert wrong.state == "refused"


def test_prices_that_fit_both_orders_are_asked(tmp_path: Path) -> None:
    path = tmp_path / "flat.csv"
    path.write_text("\n".join(f"{1_700_000_000 + 60 * i},11,11,11,11,5" for i in range(20)))
    report = examine(path).report
    assert report.question is not None
    assert report.question.field == "column_order"
    assert report.question.readings == ("ohlc", "ochl")
    for order in report.question.readings:
        told = examine(path, Reading(column_order=ColumnOrder(order)))
        assert told.report.state == "usable"


def test_quotes_are_asked_for_their_side(shared_data: Path) -> None:
    path = shared_data / "fx_equity/oanda_eurusd_hour.zip"
    report = examine(path).report
    assert report.state == "question"
    assert report.question is not None
    assert report.question.readings == ("bid", "ask")
    with pytest.raises(DataInvalid, match="data.column_order=bid or ask"):
        read_candles(path, repair=False, reading=AS_WRITTEN)
    bid, _ = read_candles(path, repair=False, reading=Reading(column_order=ColumnOrder.BID))
    ask, _ = read_candles(path, repair=False, reading=Reading(column_order=ColumnOrder.ASK))
    assert len(bid) == len(ask) == 74_439
    assert 0 < float(np.median(ask.close / bid.close)) - 1 < 1e-3


def test_the_order_of_quotes_is_refused_for_other_files(tmp_path: Path) -> None:
    path = tmp_path / "flat.csv"
    path.write_text("\n".join(f"{1_700_000_000 + 60 * i},11,11,11,11,5" for i in range(20)))
    problem = examine(path, Reading(column_order=ColumnOrder.BID)).report.problem
    assert "holds no quotes" in problem


def test_a_report_survives_json(shared_data: Path) -> None:
    report = examine(shared_data / "dirty/bad_quotes.csv").report
    assert DataReport.model_validate_json(report.model_dump_json()) == report


def test_the_document_needs_neither_pandas_nor_pyarrow() -> None:
    code = (
        "import sys\n"
        "from runs_app.forecasting.data import imports, inspect, ledger_rows, report\n"
        "sys.exit(' '.join({'torch', 'pandas', 'pyarrow', 'talib'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
