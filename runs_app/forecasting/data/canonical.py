"""The canonical form of candles: one Parquet file, and one fingerprint of what is in it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet

from runs_app.forecasting.data.candles import Candles

PRICES: tuple[str, ...] = ("open", "high", "low", "close", "volume")

_BAR_SECONDS = b"bar_seconds"


def write_canonical(path: Path, candles: Candles) -> None:
    """Write ``open_time`` (ms UTC) and float64 prices: the candles, bit for bit.

    float32 would halve the file and is not enough: at 61,234.56 its steps are 0.004, so that ticks
    merge and returns of quiet minutes change by half a basis point.
    """
    columns: dict[str, pa.Array] = {
        "open_time": pa.array(candles.open_time, pa.timestamp("ms", "UTC")),
        **{name: pa.array(getattr(candles, name)) for name in PRICES},
    }
    table = pa.table(columns).replace_schema_metadata(
        {_BAR_SECONDS: str(candles.bar_seconds).encode()}
    )
    parquet.write_table(
        table,
        path,
        compression="zstd",
        compression_level=1,
        use_dictionary=False,
        write_statistics=False,
        column_encoding={
            "open_time": "DELTA_BINARY_PACKED",
            **dict.fromkeys(PRICES, "BYTE_STREAM_SPLIT"),
        },
    )


def read_canonical(path: Path) -> Candles:
    """The candles that ``write_canonical`` was given; raises ``OSError`` or ``pa.ArrowInvalid``."""
    with parquet.ParquetFile(path) as file:
        seconds = int(file.schema_arrow.metadata[_BAR_SECONDS])
        open_time = file.read(["open_time"])["open_time"].cast(pa.int64()).to_numpy()
        columns = {name: file.read([name])[name].to_numpy() for name in PRICES}
    return Candles(open_time=open_time, bar_seconds=seconds, **columns)


def fingerprint(candles: Candles) -> str:
    """SHA-256 of the candles themselves: equal for equal data, whatever file they came from.

    Over the bar's length, then the opening times (int64) and open, high, low, close and volume
    (float64), each whole, little-endian.
    """
    digest = hashlib.sha256(str(candles.bar_seconds).encode())
    for values in (candles.open_time, *(getattr(candles, name) for name in PRICES)):
        plain = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
        digest.update(plain.view(np.uint8).data)
    return digest.hexdigest()
