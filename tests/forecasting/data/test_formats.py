"""Formats of vendors and programs in small: read where they are certain, else refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runs_app.forecasting.data.candles import Candles, read_candles
from runs_app.forecasting.errors import DataInvalid

FIRST_MS = 1_704_067_200_000
NAMES = "time,open,high,low,close,volume\n"


def _read(folder: Path, text: str, name: str = "a.csv") -> tuple[Candles, tuple[str, ...]]:
    (folder / name).write_text(text, encoding="utf-8")
    return read_candles(folder / name, repair=False)


METATRADER_5 = (
    "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"
    "2024.01.01\t00:00:00\t10\t12\t9\t11\t5\t0\t3\n"
    "2024.01.01\t00:01:00\t11\t13\t10\t12\t6\t0\t3\n"
)
METATRADER_4 = "2024.01.01,00:00,10,12,9,11,5\n2024.01.01,00:01,11,13,10,12,6\n"
DATE_AND_TIME = "Date,Time,Open,High,Low,Close,Volume\n" + METATRADER_4.replace(".01.", "-01-")
BANNER = f"https://www.CryptoDataDownload.com\n{NAMES}" + (
    "2024-01-01 00:00,10,12,9,11,5\n2024-01-01 00:01,11,13,10,12,6\n"
)


@pytest.mark.parametrize("text", [METATRADER_5, METATRADER_4, DATE_AND_TIME, BANNER])
def test_the_same_two_candles(tmp_path: Path, text: str) -> None:
    candles, notes = _read(tmp_path, text)
    assert candles.open_time.tolist() == [FIRST_MS, FIRST_MS + 60_000]
    assert candles.high.tolist() == [12, 13]
    assert candles.close.tolist() == [11, 12]
    assert candles.volume.tolist() == [5, 6]
    assert "times without an offset were taken as UTC" in notes


@pytest.mark.parametrize(
    "days",
    [
        ("12/31/2023", "01/01/2024"),
        ("31.12.2023", "01.01.2024"),
        ("12/31/99", "01/01/00"),
        ("12/31/1927", "01/01/1928"),
    ],
)
def test_the_order_of_day_and_month_is_taken_from_the_file(
    tmp_path: Path, days: tuple[str, str]
) -> None:
    candles, _ = _read(tmp_path, NAMES + "".join(f"{day},10,12,9,11,5\n" for day in days))
    assert candles.bar_seconds == 86_400


@pytest.mark.parametrize(
    ("days", "reason"),
    [
        (("01/02/2024", "01/03/2024"), r"01/02/2024: whether day or month .* \(both fit\)"),
        (("01/13/2024", "13/01/2024"), r"some dates can only be the one, some only the other"),
        (("17/01/03", "17/01/04"), r"17/01/03: whether day or year comes first"),
    ],
)
def test_an_uncertain_order_is_refused_even_with_repair(
    tmp_path: Path, days: tuple[str, str], reason: str
) -> None:
    (tmp_path / "a.csv").write_text(NAMES + "".join(f"{day},10,12,9,11,5\n" for day in days))
    for repair in (False, True):
        with pytest.raises(DataInvalid, match=reason):
            read_candles(tmp_path / "a.csv", repair=repair)


def test_a_comma_is_a_thousand_only_where_the_column_shows_it(tmp_path: Path) -> None:
    row = '2024-01-0{},"{}","{}","{}","{}",1.5K\n'
    sure = row.format(1, "1,234", "1,300.50", "1,200", "1,250")
    with pytest.raises(DataInvalid, match="line 2: the value in column open is missing or not"):
        _read(tmp_path, NAMES + sure + row.format(2, "1,234", "1,300", "1,200", "1,250"))
    more = row.format(2, "$1,234.5", "1,300", "1,200.00", "1,250.10")
    candles, _ = _read(tmp_path, NAMES + sure + more)
    assert candles.open.tolist() == [1234, 1234.5]
    assert candles.volume.tolist() == [1500, 1500]


def test_several_tickers_are_refused(tmp_path: Path) -> None:
    text = "Price,Close,High,Low,Open\nTicker,A,A,B,B\nDate,,,,\n2024-01-01,1,1,1,1\n"
    with pytest.raises(DataInvalid, match=r"holds 2 tickers \(A, B\)"):
        _read(tmp_path, text)


def test_whole_prices_of_lean_that_may_be_true_prices_are_refused(tmp_path: Path) -> None:
    rows = ("20240101 00:00,6011,6013,6009,6012,5\n", "20240102 00:00,6012,6017,6003,6008,5\n")
    with pytest.raises(DataInvalid, match="multiplied by 10,000 cannot be told"):
        _read(tmp_path, "".join(rows))


def test_json_objects_may_be_in_any_order_and_as_text(tmp_path: Path) -> None:
    rows = [
        {"close": "11", "time": "2024-01-02", "open": 10, "high": 12, "low": "9"},
        {"time": "2024-01-01", "open": 10, "high": "12.5", "low": 9, "close": 11},
    ]
    candles, _ = _read(tmp_path, json.dumps(rows), "a.json")
    assert candles.high.tolist() == [12.5, 12]


def test_months_are_refused_and_weeks_are_not(tmp_path: Path) -> None:
    days = ("2024-01-01", "2024-02-01", "2024-03-03")
    with pytest.raises(DataInvalid, match="the candles are 31 days apart"):
        _read(tmp_path, NAMES + "".join(f"{day},10,12,9,11,5\n" for day in days))
    weeks = ("2024-01-01", "2024-01-08", "2024-01-15")
    candles, _ = _read(tmp_path, NAMES + "".join(f"{day},10,12,9,11,5\n" for day in weeks))
    assert candles.bar_seconds == 604_800
