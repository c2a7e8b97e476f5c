"""From a file on disk to its text or its Arrow table: containers, size limits, nothing else."""

from __future__ import annotations

import gzip
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as parquet

from runs_app.forecasting.data.endings import SUFFIXES
from runs_app.forecasting.errors import DataInvalid

MAX_BYTES = 2 * 1024**3
"""Largest text, after unpacking: about 30 million rows. A compressed file must not fill memory."""

MAX_ROWS = 30_000_000
"""Most rows of a Parquet or Feather file: 57 years of 1-minute candles."""

_CHUNK = 16 * 1024**2
_UTF8_BOM = b"\xef\xbb\xbf"


def is_text(path: Path) -> bool:
    """Whether the file is text, packed or not (else it is Parquet or Feather)."""
    return not path.name.lower().endswith((".parquet", ".feather"))


def is_json(path: Path) -> bool:
    """Whether the text of the file is JSON by its ending."""
    return path.name.lower().endswith((".json", ".json.gz"))


def read_text(path: Path) -> bytes:
    """The whole text of a CSV or JSON file, unpacked; no byte order mark, lines end in a line feed.

    Raises ``DataInvalid`` when the file is absent, empty, damaged, too large, or a zip archive
    that does not hold exactly one file.
    """
    with _unreadable(path), _open_text(path) as stream:
        data = _read_capped(stream, path)
    data = data.removeprefix(_UTF8_BOM)
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if not data or data.isspace():
        raise DataInvalid(f"{path.name} is empty; choose a file with candles")
    if b"\x00" in data[:4096]:
        raise DataInvalid(
            f"{path.name} is not plain text (UTF-8); save it as CSV in UTF-8, Parquet or Feather"
        )
    return data


def read_table(path: Path) -> pa.Table:
    """The Arrow table of a Parquet or Feather file; raises as ``read_text`` does."""
    with _unreadable(path):
        if path.name.lower().endswith(".parquet"):
            with parquet.ParquetFile(path) as file:
                _refuse_rows(path, file.metadata.num_rows)
                return _with_range_index(file.read())
        table = feather.read_table(path)
        _refuse_rows(path, table.num_rows)
        return _with_range_index(table)


def _with_range_index(table: pa.Table) -> pa.Table:
    """Add the index of a pandas frame that stands in the metadata alone.

    pandas writes an evenly spaced index of whole numbers, such as epoch times without a hole, as
    start, stop and step, and as no column.
    """
    metadata = table.schema.pandas_metadata or {}
    for index in metadata.get("index_columns", ()):
        if isinstance(index, dict) and index.get("name"):
            values = np.arange(index["start"], index["stop"], index["step"], dtype=np.int64)
            table = table.append_column(index["name"], pa.array(values))
    return table


def _refuse_rows(path: Path, rows: int) -> None:
    if rows > MAX_ROWS:
        raise DataInvalid(
            f"{path.name} has {rows:,} rows; at most {MAX_ROWS:,} can be read. Split it by time"
        )


def source_path(source: str, data_root: Path) -> Path:
    """The candle file that ``data.source`` names.

    Raises ``DataInvalid`` where a relative one leaves ``data_root``.
    """
    if Path(source).is_absolute():
        return Path(source)
    inside = os.path.normpath(source)
    if inside.startswith(".."):
        raise DataInvalid(f"the data source {source} leads out of DATA_ROOT; name a file inside it")
    return data_root / inside


@contextmanager
def _unreadable(path: Path) -> Iterator[None]:
    """Turn what the operating system and the unpackers raise into one sentence."""
    try:
        yield
    except FileNotFoundError:
        raise DataInvalid(f"{path.name} does not exist; choose a file inside DATA_ROOT") from None
    except IsADirectoryError:
        raise DataInvalid(f"{path.name} is a folder; choose a candle file inside it") from None
    except PermissionError:
        raise DataInvalid(f"{path.name} may not be read; check its permissions") from None
    except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError, pa.ArrowInvalid) as error:
        raise DataInvalid(
            f"{path.name} is damaged or not what its ending says ({error}); copy it again"
        ) from None
    except (OSError, NotImplementedError, RuntimeError) as error:
        raise DataInvalid(f"{path.name} cannot be read: {error}") from None


@contextmanager
def _open_text(path: Path) -> Iterator[IO[bytes]]:
    name = path.name.lower()
    if not name.endswith(SUFFIXES):
        raise DataInvalid(
            f"{path.name} is no candle file by its ending; it must be one of {', '.join(SUFFIXES)}"
        )
    if name.endswith(".gz"):
        with gzip.open(path, "rb") as stream:
            yield stream  # type: ignore[misc]  # GzipFile reads bytes, but is no IO[bytes]
    elif name.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            members = [
                m for m in archive.infolist()
                if not m.is_dir() and not m.filename.startswith("__MACOSX/")
            ]  # fmt: skip
            if len(members) != 1:
                raise DataInvalid(
                    f"{path.name} holds {len(members)} files; a zip of candles must hold one CSV"
                )
            with archive.open(members[0]) as stream:
                yield stream
    else:
        with path.open("rb") as stream:
            yield stream


def _read_capped(stream: IO[bytes], path: Path) -> bytes:
    """Read to the end, but never more than the cap: a packed file may unpack to any size."""
    packed = path.name.lower().endswith((".gz", ".zip"))
    # One read of a plain file spares joining; a packed one is asked for no more than it may hold.
    chunk = _CHUNK if packed else MAX_BYTES + 1
    parts: list[bytes] = []
    size = 0
    while part := stream.read(chunk):
        size += len(part)
        if size > MAX_BYTES:
            raise DataInvalid(
                f"{path.name} is larger than {MAX_BYTES // 1024**3} GiB of text; split it by time, "
                "or save it as Parquet"
            )
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
