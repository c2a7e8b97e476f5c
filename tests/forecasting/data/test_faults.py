"""A faulty row is refused with its line and the reason, or left out and counted."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from runs_app.forecasting.data.candles import Candles, read_candles
from runs_app.forecasting.errors import DataInvalid

HEADER = "time,open,high,low,close,volume"
GOOD = [f"2024-01-01T00:{minute:02}:00Z,10,12,9,11,5" for minute in range(12)]


def _write(folder: Path, rows: list[str], header: str = HEADER) -> Path:
    path = folder / "candles.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


FAULTS = [
    ("2024-01-01T00:05:00Z,x,12,9,11,5", "open", "column open is missing or not a number"),
    ("2024-01-01T00:05:00Z,10,,9,11,5", "high", "column high is missing or not a number"),
    ("2024-01-01T00:05:00Z,10,12,9,nan,5", "close", "column close is missing or not a number"),
    ("2024-01-01T00:05:00Z,10,inf,9,11,5", "high", "column high is missing or not a number"),
    ("2024-01-01T00:05:00Z,10,12,9,11,", "volume", "column volume is missing or not a number"),
    ("2024-01-01T00:05:00Z,10,12,9,11,-1", "volume", "the volume -1 is negative"),
    ("2024-01-01T00:05:00Z,10,10.5,9,11,5", "high", "high 10.5 is below the open 10 or the close"),
    ("2024-01-01T00:05:00Z,10,12,10.5,11,5", "low", "low 10.5 is above the open 10 or the close"),
    ("2024-01-01T00:05:00Z,10,12,0,11,5", "low", "the price 0 in column low is not above zero"),
    ("2024-01-01T00:05:00Z,-10,12,-11,11,5", "open", "the price -10 in column open is not above"),
    ("05/01/2024 00:05,10,12,9,11,5", "time", "time '05/01/2024 00:05' in column time cannot be"),
    ("2024-13-01T00:05:00Z,10,12,9,11,5", "time", "cannot be read; write ISO text"),
    (",10,12,9,11,5", "time", r"the time \(empty\) in column time cannot be read"),
    ("2024-01-01T00:05:17Z,10,12,9,11,5", "time", "does not fit the grid of 60 seconds"),
    ("2024-01-01T00:05:00Z,10,12,9", None, "there are 4 values where 6 columns are expected"),
    ("2024-01-01T00:05:00Z,1,2,3,4,5,6,7", None, "there are 8 values where 6 columns"),
]


@pytest.mark.parametrize(("row", "column", "reason"), FAULTS)
def test_a_fault_names_line_and_reason(
    tmp_path: Path, row: str, column: str | None, reason: str
) -> None:
    rows = [*GOOD[:5], row, *GOOD[6:]]
    with pytest.raises(DataInvalid, match=f"^line 7: .*{reason}.*switch on repair") as caught:
        read_candles(_write(tmp_path, rows), repair=False)
    assert caught.value.row == 7
    assert caught.value.column == column


@pytest.mark.parametrize(("row", "column", "reason"), FAULTS)
def test_repair_leaves_the_row_out_and_says_so(
    tmp_path: Path, row: str, column: str | None, reason: str
) -> None:
    candles, notes = read_candles(_write(tmp_path, [*GOOD[:5], row, *GOOD[6:]]), repair=True)
    assert len(candles) == 11
    assert 1_704_067_500_000 not in candles.open_time
    (note,) = notes
    assert note.startswith("repair: 1 row(s) left out because")
    assert "first on line 7" in note


def test_lines_are_those_of_the_file_though_rows_are_sorted(tmp_path: Path) -> None:
    rows = [*reversed(GOOD[6:]), GOOD[5].replace("12", "1"), *reversed(GOOD[:5])]
    with pytest.raises(DataInvalid, match="^line 8: ") as caught:
        read_candles(_write(tmp_path, rows), repair=False)
    assert caught.value.row == 8


def test_blank_lines_count(tmp_path: Path) -> None:
    path = tmp_path / "candles.csv"
    bad = GOOD[3].replace("12", "1")
    path.write_bytes("\r\n\r\n".join(["", HEADER, *GOOD[:3], "", bad, *GOOD[4:]]).encode())
    with pytest.raises(DataInvalid) as caught:
        read_candles(path, repair=False)
    assert path.read_bytes().split(b"\r\n")[(caught.value.row or 0) - 1] == bad.encode()


def test_blank_and_ragged_lines_before_a_bad_row_count(tmp_path: Path) -> None:
    rows = [GOOD[0], "", "1,2", GOOD[1], "", GOOD[2].replace("12", "1"), *GOOD[3:]]
    _, notes = read_candles(_write(tmp_path, rows), repair=True)
    assert [note.split("first on ")[1].split(" ")[:2] for note in notes] == [
        ["line", "4"],
        ["line", "7"],
    ]


def test_the_first_of_many_faults_is_named_and_the_rest_counted(tmp_path: Path) -> None:
    rows = [*GOOD[:2], GOOD[2].replace("12", "1"), GOOD[3].replace("10", "x"), *GOOD[4:]]
    with pytest.raises(DataInvalid, match=r"line 4: the high.*\(1 more faulty row follows\)"):
        read_candles(_write(tmp_path, rows), repair=False)


def test_duplicates_are_refused_with_both_lines(tmp_path: Path) -> None:
    rows = [*GOOD[:5], GOOD[4].replace("11,5", "11.5,7"), *GOOD[5:]]
    with pytest.raises(
        DataInvalid, match="line 6: the time 2024-01-01 00:04 UTC comes again on line 7"
    ):
        read_candles(_write(tmp_path, rows), repair=False)


def test_repair_keeps_the_last_of_equal_times(tmp_path: Path) -> None:
    again = [GOOD[4].replace("11,5", "11.5,7"), GOOD[4].replace("11,5", "11.75,8")]
    candles, notes = read_candles(_write(tmp_path, [*GOOD[:5], *again, *GOOD[5:]]), repair=True)
    assert len(candles) == 12
    assert candles.close[4] == 11.75
    assert candles.volume[4] == 8
    assert "2 row(s) left out because the time comes again" in notes[0]
    assert "first on line 6" in notes[0]


def test_a_faulty_duplicate_does_not_displace_a_good_one(tmp_path: Path) -> None:
    rows = [*GOOD[:5], GOOD[4].replace("11,5", "99,7"), *GOOD[5:]]
    candles, _ = read_candles(_write(tmp_path, rows), repair=True)
    assert candles.close[4] == 11


def test_repair_does_not_make_a_file_of_a_few_rows(tmp_path: Path) -> None:
    rows = [row.replace("12", "1") for row in GOOD[:8]] + GOOD[8:]
    with pytest.raises(DataInvalid, match="repair would keep only 4 of 12 rows"):
        read_candles(_write(tmp_path, rows), repair=True)


def test_parquet_counts_rows(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"time": [1_704_067_200 + 60 * i for i in range(5)], "open": 1.0, "high": 1.0, "low": 1.0}
    ).assign(close=[1.0, 1.0, None, 1.0, 1.0])
    frame.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataInvalid, match="^row 3: the value in column close is missing"):
        read_candles(tmp_path / "a.parquet", repair=False)


def _headerless(folder: Path, rows: list[str]) -> tuple[Candles, tuple[str, ...]]:
    path = folder / "candles.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return read_candles(path, repair=False)


def test_the_order_of_a_headerless_file_is_told_by_what_must_hold(tmp_path: Path) -> None:
    usual, notes = _headerless(tmp_path, ["1704067200,10,12,9,11,5", "1704067260,11,13,10,12,6"])
    assert (usual.high.tolist(), usual.close.tolist()) == ([12, 13], [11, 12])
    assert notes == ("no header: the columns were recognised as time, open, high, low, close, "
                     "volume",)  # fmt: skip
    bitfinex, notes = _headerless(tmp_path, ["1704067200,10,11,12,9,5", "1704067260,11,12,13,10,6"])
    assert (bitfinex.high.tolist(), bitfinex.low.tolist()) == ([12, 13], [9, 10])
    assert bitfinex.close.tolist() == [11, 12]
    assert "Bitfinex" in notes[0]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (["1704067200,10,10,10,10,5", "1704067260,11,11,11,11,6"], "both fit every row"),
        (
            ["1704067200,10,12,9,11,5", "1704067260,11,12,13,10,6"],
            r"volume' \(breaks on line 2\) and .*\(Bitfinex\)' \(breaks on line 1\) neither fits",
        ),
        (["1704067200,10,12,9,11", "1704067260,11,12,13,10"], "no header and 5 columns"),
        (["1704067200,10,12,9,11,5,1,2,3,4,5,6"], "no Binance kline file"),
        (["1704067200,10,12,9,11,5,0.5", "1704067260,11,13,10,12,6,0.5"], "no count of trades"),
    ],
)
def test_a_headerless_file_that_leaves_a_doubt_is_refused(
    tmp_path: Path, rows: list[str], sentence: str
) -> None:
    with pytest.raises(DataInvalid, match=sentence):
        _headerless(tmp_path, rows)
