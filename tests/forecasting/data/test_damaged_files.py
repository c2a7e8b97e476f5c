"""Whatever bytes are in a file, it is read or refused in a sentence; nothing else is raised."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs_app.forecasting.data.candles import read_candles
from runs_app.forecasting.errors import DataInvalid

TEXT = b"time,open,high,low,close,volume\n" + b"".join(
    b"2024-01-01T00:%02d:00Z,10,12,9,11,5\n" % minute for minute in range(20)
)
KLINES = b"".join(
    b"%d,10,12,9,11,5,%d,55,3,2,22,0\n" % (ms, ms + 59_999)
    for ms in range(1_704_067_200_000, 1_704_067_200_000 + 20 * 60_000, 60_000)
)
BITS = st.sampled_from(
    [b"\n", b"\r", b'"', b",", b";", b"\x00", b"\xff", b"nan", b"inf", b"-", b"1e309", b"9" * 25,
     b"0001-01-01", b"9999-12-31T23:59:59Z", b"+99:99", b"\xef\xbb\xbf", b"\n\n", b"time", b""]
)  # fmt: skip


JSON = json.dumps(
    [[1_704_067_200_000 + 60_000 * i, 10, 12, "9.5", 11.25, None] for i in range(20)]
).encode()
YFINANCE = (
    b"Price,Close,High,Low,Open,Volume\nTicker,A,A,A,A,A\nDate,,,,,\n"
    b'"Jan 02, 2024",11,"1,2",9,10,1.5K\n01/02/2024,11,"1,200.5",9,$10,5\n01/13/2024,11,12,9,10,5\n'
)


def _read_or_refuse(name: str, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        for repair in (False, True):
            try:
                candles, _ = read_candles(path, repair=repair)
            except DataInvalid as error:
                assert len(str(error)) > 20
                # The rows of JSON open with a bracket, all others stand on lines of their own.
                marks = b"[{" if name.endswith(".json") else b"\n\r"
                rows = 1 + sum(data.count(mark) for mark in (marks[:1], marks[1:]))
                assert error.row is None or 1 <= error.row <= rows
            else:
                assert bool(np.all(np.diff(candles.open_time) > 0))
                assert bool(np.all(candles.low > 0))
                assert bool(np.all(candles.high >= np.maximum(candles.open, candles.close)))


@settings(max_examples=250, deadline=None)
@given(
    base=st.sampled_from([TEXT, KLINES]),
    edits=st.lists(
        st.tuples(st.integers(0, 900), st.integers(0, 30), BITS), min_size=1, max_size=4
    ),
)
def test_text_with_anything_in_it(base: bytes, edits: list[tuple[int, int, bytes]]) -> None:
    data = base
    for at, removed, inserted in edits:
        data = data[:at] + inserted + data[at + removed :]
    _read_or_refuse("a.csv", data)


@settings(max_examples=150, deadline=None)
@given(
    base=st.sampled_from([("a.json", JSON), ("a.csv", YFINANCE)]),
    edits=st.lists(
        st.tuples(st.integers(0, 250), st.integers(0, 30), BITS), min_size=0, max_size=4
    ),
)
def test_odd_formats_with_anything_in_them(
    base: tuple[str, bytes], edits: list[tuple[int, int, bytes]]
) -> None:
    name, data = base
    for at, removed, inserted in edits:
        data = data[:at] + inserted + data[at + removed :]
    _read_or_refuse(name, data)


@settings(max_examples=50, deadline=None)
@given(
    st.binary(max_size=300), st.sampled_from(["a.csv", "a.csv.gz", "a.zip", "a.parquet", "a.json"])
)
def test_any_bytes(data: bytes, name: str) -> None:
    _read_or_refuse(name, data)


@pytest.mark.parametrize(
    "times",
    [
        pa.array([1, None, 3]), pa.array([1.5, float("nan"), 1e300]),
        pa.array(["x", None, "2024-01-01"]), pa.array([True, False, None]),
        pa.array([None, None, None]), pa.array([2**63 - 1, -(2**63), 0]),
        pa.array([0, 2**62, None], pa.timestamp("us")), pa.array([0, 1, 2], pa.time32("s")),
        pa.array([{"a": 1}, None, {"a": 2}]), pa.array([2**64 - 1, 0, 1], pa.uint64()),
        pa.array(["2024-01-01", "a", None]).dictionary_encode(),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["a.parquet", "a.feather"])
def test_tables_with_any_kind_of_time(tmp_path: Path, times: pa.Array, name: str) -> None:
    columns = {price: pa.array(["1", "x", "2"]) for price in ("open", "high", "low", "close")}
    table = pa.table({"time": times, **columns, "volume": pa.array([2**63, 1, 0], pa.uint64())})
    if name.endswith("parquet"):
        parquet.write_table(table, tmp_path / name)
    else:
        feather.write_feather(table, tmp_path / name)
    for repair in (False, True):
        with pytest.raises(DataInvalid):
            read_candles(tmp_path / name, repair=repair)
