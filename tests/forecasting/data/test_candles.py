"""Every way of writing the same three candles gives the same three candles."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from runs_app.forecasting.data import source
from runs_app.forecasting.data.candles import Candles, read_candles
from runs_app.forecasting.errors import DataInvalid
from tests.synthetic import random_candles, write_candles

FIRST_MS = 1_704_067_200_000
PRICES = ["10,12,9,11,5", "11,13,10,12,6", "12,12.5,8,9,0"]

TIMES = {
    "seconds": ["1704067200", "1704067260", "1704067320"],
    "float seconds": ["1704067200.0", "1704067260.0", "1704067320.0"],
    "milliseconds": ["1704067200000", "1704067260000", "1704067320000"],
    "microseconds": ["1704067200000000", "1704067260000000", "1704067320000000"],
    "nanoseconds": ["1704067200000000000", "1704067260000000000", "1704067320000000000"],
    "mixed units": ["1704067200", "1704067260000", "1704067320000000"],
    "ISO naive": ["2024-01-01 00:00:00", "2024-01-01 00:01:00", "2024-01-01 00:02:00"],
    "ISO T Z": ["2024-01-01T00:00:00Z", "2024-01-01T00:01:00Z", "2024-01-01T00:02:00Z"],
    "ISO fractions": [
        "2024-01-01T00:00:00.000Z", "2024-01-01T00:01:00.000000Z", "2024-01-01T00:02:00.000Z",
    ],
    "ISO offset": [
        "2024-01-01 02:00:00+02:00", "2024-01-01 02:01:00+02:00", "2024-01-01 02:02:00+02:00",
    ],
    "ISO mixed offsets": [
        "2023-12-31 19:00:00-05:00", "2024-01-01 05:31:00+0530", "2024-01-01T00:02:00Z",
    ],
    "ISO with and without offset": [
        "2024-01-01 00:00:00", "2024-01-01 02:01:00+02:00", "2024-01-01T00:02Z",
    ],
    "ISO to the minute": ["2024-01-01 00:00", "2024-01-01 00:01", "2024-01-01 00:02"],
    "text and epoch": ["2024-01-01 00:00", "1704067260", "2024-01-01 00:02:00Z"],
}  # fmt: skip


def _csv(times: list[str], header: str = "time,open,high,low,close,volume") -> str:
    return "\n".join([header, *(f"{t},{p}" for t, p in zip(times, PRICES, strict=True))]) + "\n"


def _read(folder: Path, text: str, name: str = "candles.csv") -> tuple[Candles, tuple[str, ...]]:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_candles(path, repair=False)


def _is_expected(candles: Candles) -> bool:
    assert candles.open_time.tolist() == [FIRST_MS + 60_000 * i for i in range(3)]
    assert candles.open.tolist() == [10, 11, 12]
    assert candles.high.tolist() == [12, 13, 12.5]
    assert candles.low.tolist() == [9, 10, 8]
    assert candles.close.tolist() == [11, 12, 9]
    assert candles.bar_seconds == 60
    return True


@pytest.mark.parametrize("kind", TIMES)
def test_every_way_to_write_a_time(tmp_path: Path, kind: str) -> None:
    candles, notes = _read(tmp_path, _csv(TIMES[kind]))
    assert _is_expected(candles)
    naive = kind in {
        "ISO naive", "ISO with and without offset", "ISO to the minute", "text and epoch",
    }  # fmt: skip
    assert ("times without an offset were taken as UTC" in notes) is naive
    assert any("mixes" in note for note in notes) is (kind == "mixed units")


@pytest.mark.parametrize(
    "header",
    [
        "TIMESTAMP,Open,HIGH,Low,Close,Volume", "Open Time,open,high,low,close,vol",
        "unix,open,high,low,close,Volume BTC", '"Date","Open","High","Low","Close","Vol."',
    ],
)  # fmt: skip
def test_columns_are_found_by_name(tmp_path: Path, header: str) -> None:
    candles, _ = _read(tmp_path, _csv(TIMES["milliseconds"], header))
    assert _is_expected(candles)
    assert candles.volume.tolist() == [5, 6, 0]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters(tmp_path: Path, delimiter: str) -> None:
    candles, _ = _read(tmp_path, _csv(TIMES["seconds"]).replace(",", delimiter))
    assert _is_expected(candles)


def test_a_file_without_volume_has_volume_zero_and_says_so(tmp_path: Path) -> None:
    text = "time,close,low,high,open\n1704067200,11,9,12,10\n1704067260,12,10,13,11\n"
    candles, notes = _read(tmp_path, text)
    assert candles.volume.tolist() == [0, 0]
    assert candles.high.tolist() == [12, 13]
    assert notes == ("the file has no volume column: volume is 0 everywhere",)


def test_the_opening_time_is_preferred_to_other_times(tmp_path: Path) -> None:
    header = "date,open,high,low,close,volume,close_time,open_time"
    rows = [
        f"2020-01-0{i + 1},{p},{FIRST_MS + 60_000 * i + 59_999},{FIRST_MS + 60_000 * i}"
        for i, p in enumerate(PRICES)
    ]
    candles, _ = _read(tmp_path, "\n".join([header, *rows]))
    assert _is_expected(candles)


def test_rows_are_sorted_by_time(tmp_path: Path) -> None:
    lines = _csv(TIMES["ISO T Z"]).splitlines()
    candles, _ = _read(tmp_path, "\n".join([lines[0], *reversed(lines[1:])]))
    assert _is_expected(candles)


def _to_csv(path: Path, frame: pd.DataFrame) -> None:
    frame.to_csv(path, index=False)


def _to_bom_crlf(path: Path, frame: pd.DataFrame) -> None:
    frame.to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\r\n")


def _to_gzip(path: Path, frame: pd.DataFrame) -> None:
    path.write_bytes(gzip.compress(frame.to_csv(index=False).encode()))


def _to_zip(path: Path, frame: pd.DataFrame) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inside.csv", frame.to_csv(index=False))


def _to_parquet(path: Path, frame: pd.DataFrame) -> None:
    frame.to_parquet(path)


def _to_parquet_with_index(path: Path, frame: pd.DataFrame) -> None:
    frame.set_index("time").to_parquet(path)


def _to_feather(path: Path, frame: pd.DataFrame) -> None:
    frame.to_feather(path)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.csv", _to_csv), ("a.CSV", _to_bom_crlf), ("a.txt", _to_csv), ("a.csv.gz", _to_gzip),
        ("a.zip", _to_zip), ("a.parquet", _to_parquet), ("b.parquet", _to_parquet_with_index),
        ("a.feather", _to_feather),
    ],
)  # fmt: skip
@pytest.mark.parametrize("time", ["ms", "utc", "naive", "text", "abroad"])
def test_every_container(
    tmp_path: Path, name: str, write: Callable[[Path, pd.DataFrame], None], time: str
) -> None:
    ms = pd.Series([FIRST_MS + 60_000 * i for i in range(3)])
    utc = pd.to_datetime(ms, unit="ms", utc=True)
    column = {
        "ms": ms, "utc": utc, "naive": utc.dt.tz_localize(None), "text": utc.astype(str),
        "abroad": utc.dt.tz_convert("Asia/Tokyo"),
    }[time]  # fmt: skip
    values = np.array([[float(v) for v in p.split(",")] for p in PRICES])
    frame = pd.DataFrame(values, columns=["open", "high", "low", "close", "volume"])
    frame.insert(0, "time", column)
    write(tmp_path / name, frame)
    candles, _ = read_candles(tmp_path / name, repair=False)
    assert _is_expected(candles)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"\n\n  \n", "is empty"),
        ("a.csv", b"time,open,high,low,close\n", "a header and no candle"),
        ("a.csv", "time,open\n1,2".encode("utf-16"), "not plain text"),
        ("a.xlsx", b"[]", "no candle file by its ending"),
        ("a.json", b"[]", "no list of candles"),
        ("a.json", b"[[", "is no JSON"),
        ("a.json", b"[[1], [1, 2]]", "row 2: there are 2 values"),
        ("a.json", b'[[1], {"a": 1}]', "mixes kinds of rows"),
        ("a.csv.gz", b"time,open", "damaged"),
        ("a.csv.gz", gzip.compress(b"time,open,high,low,close\n" * 99, mtime=0)[:-20], "damaged"),
        ("a.zip", b"PK", "damaged"),
        ("a.parquet", b"no", "damaged"),
        ("a.feather", b"no", "damaged"),
        ("a.csv", b"open,high,low,close\n1,2,1,2\n", "no time column"),
        ("a.csv", b"time,open,high\n1704067200,2,3\n", "the column low and the column close are"),
        ("a.csv", b"time,open,high,low,close,Close\n1,2,2,2,2,2\n", "two columns are called close"),
        ("a.csv", b"time,open,high,low,close\n1704067200,1,1,1,1\n", "1 usable candle"),
    ],
)
def test_what_is_no_candle_file_is_refused_in_a_sentence(
    tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataInvalid, match=sentence):
        read_candles(path, repair=True)


def test_absent_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match=r"gone\.csv does not exist"):
        read_candles(tmp_path / "gone.csv", repair=False)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataInvalid, match="is a folder"):
        read_candles(tmp_path / "folder.csv", repair=False)


def test_a_zip_must_hold_one_file(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", "x")
        archive.writestr("b.csv", "x")
    with pytest.raises(DataInvalid, match="holds 2 files"):
        read_candles(tmp_path / "two.zip", repair=False)


def test_a_packed_file_may_not_unpack_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "MAX_BYTES", 10_000)
    (tmp_path / "bomb.csv.gz").write_bytes(gzip.compress(b"0" * 1_000_000))
    (tmp_path / "large.csv").write_bytes(b"0" * 10_001)
    for name in ("bomb.csv.gz", "large.csv"):
        with pytest.raises(DataInvalid, match=f"{name} is larger than"):
            read_candles(tmp_path / name, repair=False)


def test_too_many_rows_of_parquet_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "MAX_ROWS", 2)
    pd.DataFrame({"time": [1, 2, 3]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataInvalid, match="has 3 rows; at most 2"):
        read_candles(tmp_path / "a.parquet", repair=False)


def test_written_candles_come_back_bit_for_bit(tmp_path: Path) -> None:
    candles = random_candles(500, missing_share=0.2)
    back, _ = read_candles(write_candles(tmp_path / "a.csv", candles), repair=False)
    for name in ("open_time", "open", "high", "low", "close", "volume"):
        assert np.array_equal(getattr(back, name), getattr(candles, name))


def test_between_takes_the_start_and_leaves_the_end() -> None:
    candles = random_candles(10)
    part = candles.between(int(candles.open_time[2]), int(candles.open_time[5]))
    assert np.array_equal(part.open_time, candles.open_time[2:5])
    assert len(candles.between(None, None)) == 10
