"""Imported candle files: where an import lies and what its record says.

Imports neither pandas nor pyarrow, so that the web side can look imports up.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from runs_app.forecasting.config.reading import Reading
from runs_app.forecasting.data.report import DataReport

STORE_VARIABLE = "CANDLE_STORE"
"""Environment variable with the folder of imports, for a process that trains or predicts."""

RECORD_FILE = "import.json"
CANDLES_FILE = "candles.parquet"

_VERSION = 1
"""Raised when the same file would be read to other candles; older imports are then not found."""


class CanonicalFile(BaseModel):
    """The canonical Parquet file of an import."""

    model_config = ConfigDict(frozen=True)

    sha256: str
    """Of the file's bytes."""
    fingerprint: str
    """Of the candles, as ``canonical.fingerprint`` has it."""
    bytes: int
    repaired: bool
    """True where faulty rows were left out: for runs with repair only."""


class ImportRecord(BaseModel):
    """What one reading of one candle file came to."""

    model_config = ConfigDict(frozen=True)

    key: str
    """Name of the import's folder."""
    source_sha256: str
    report: DataReport
    notes: tuple[str, ...]
    candles: CanonicalFile | None


def store_root() -> Path | None:
    """Where imports lie for this process, or None where it was told of none."""
    named = os.environ.get(STORE_VARIABLE)
    return Path(named) if named else None


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes; raises ``OSError``."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def import_key(name: str, content_sha256: str, reading: Reading) -> str:
    """Name of the folder of an import: it hangs on the file's content and on how it is read.

    The name of the file counts because its ending says what the content is.
    """
    told = (_VERSION, name, content_sha256, reading.date_order, reading.column_order)
    return hashlib.sha256("\0".join(map(str, told)).encode()).hexdigest()[:32]


def find_import(path: Path, store: Path, reading: Reading) -> ImportRecord | None:
    """The record of the import of this very content; None where there is none."""
    try:
        key = import_key(path.name, file_sha256(path), reading)
        text = (store / key / RECORD_FILE).read_bytes()
        record = ImportRecord.model_validate_json(text)
    except (OSError, ValueError):  # absent, or not written by this version
        return None
    return record if record.key == key else None
