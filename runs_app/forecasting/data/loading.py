"""Import a candle file, and read candles by way of their import where it is current."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from runs_app.forecasting.config.reading import AS_WRITTEN, Reading
from runs_app.forecasting.data.candles import Candles, read_candles
from runs_app.forecasting.data.canonical import (
    fingerprint,
    read_canonical,
    write_canonical,
)
from runs_app.forecasting.data.examine import Examined, examine
from runs_app.forecasting.data.imports import (
    CANDLES_FILE,
    RECORD_FILE,
    CanonicalFile,
    ImportRecord,
    file_sha256,
    find_import,
    import_key,
    store_root,
)
from runs_app.forecasting.errors import DataInvalid


@dataclass(frozen=True)
class Loaded:
    """Candles, lines for the log, and what names the data of a run.

    ``fingerprint`` is of the candles, ``source_sha256`` of the bytes of the file they came from.
    """

    candles: Candles
    notes: tuple[str, ...]
    fingerprint: str
    source_sha256: str


def import_file(path: Path, store: Path, reading: Reading = AS_WRITTEN) -> ImportRecord:
    """Read the file, and leave its report and its candles in a folder of ``store``.

    The file itself is only read. The folder appears whole or not at all. Raises ``DataInvalid``
    where the file is absent or changes while it is read, ``OSError`` where the store cannot be
    written.
    """
    try:
        content = file_sha256(path)
        examined = examine(path, reading)
        if file_sha256(path) != content:
            raise DataInvalid(f"{path.name} was changed while it was read; import it again")
    except OSError as error:
        raise DataInvalid(f"{path.name} cannot be read: {error.strerror}") from None
    store.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=".part-", dir=store))
    try:
        record = ImportRecord(
            key=import_key(path.name, content, reading),
            source_sha256=content,
            report=examined.report,
            notes=examined.notes,
            candles=_keep(part / CANDLES_FILE, examined),
        )
        (part / RECORD_FILE).write_text(record.model_dump_json(), encoding="utf-8")
        _put_in_place(part, store / record.key)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return record


def load_candles(
    path: Path, *, repair: bool, reading: Reading = AS_WRITTEN, store: Path | None = None
) -> Loaded:
    """Candles as ``read_candles`` gives them, from the import of the file where it is current.

    Current is an import of a file with this SHA-256 whose candles have theirs. ``store``: where
    imports lie, by default the process's own. Raises as ``read_candles`` does.
    """
    store = store or store_root()
    found = _from_import(path, store, repair=repair, reading=reading) if store else None
    if found is not None:
        return found
    candles, notes = read_candles(path, repair=repair, reading=reading)
    return Loaded(candles, notes, fingerprint(candles), file_sha256(path))


def _from_import(path: Path, store: Path, *, repair: bool, reading: Reading) -> Loaded | None:
    record = find_import(path, store, reading)
    if record is None or record.candles is None:
        return None
    kept = record.candles
    if kept.repaired and not repair:
        return None  # the file is read, to be refused with its own sentence
    parquet = store / record.key / CANDLES_FILE
    try:
        if file_sha256(parquet) != kept.sha256:
            return None
        candles = read_canonical(parquet)
    except (OSError, pa.ArrowInvalid):
        return None
    return Loaded(candles, record.notes, kept.fingerprint, record.source_sha256)


def _keep(path: Path, examined: Examined) -> CanonicalFile | None:
    if examined.candles is None:
        return None
    write_canonical(path, examined.candles)
    return CanonicalFile(
        sha256=file_sha256(path),
        fingerprint=fingerprint(examined.candles),
        bytes=path.stat().st_size,
        repaired=examined.repaired,
    )


def _put_in_place(part: Path, folder: Path) -> None:
    for name in os.listdir(part):  # noqa: PTH208 - names are enough
        with (part / name).open("rb") as stream:
            os.fsync(stream.fileno())
    try:
        part.rename(folder)
    except OSError:  # an import of the same file stands there; it is as good, or unreadable
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
