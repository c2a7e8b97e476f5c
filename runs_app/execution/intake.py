"""Import candle files: each in a disposable process, by whoever claims its data set first."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from pydantic import ValidationError

from runs_app.choices import DataSetState
from runs_app.disk import read_disk
from runs_app.execution.core_process import Command, CoreFailed, ask_core
from runs_app.forecasting.config.reading import ColumnOrder, DateOrder, Reading
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.imports import ImportRecord, find_import
from runs_app.forecasting.data.ledger_rows import RowLedger
from runs_app.forecasting.data.report import DataReport
from runs_app.models import DataSet

logger = logging.getLogger(__name__)

MODULE = "runs_app.forecasting.data.intake"
MEMORY_BYTES = 4 * 1024**3
"""Of the process that reads a file: the text, its numbers, and what is found out about them."""

SECONDS = 600.0
STALE = timedelta(seconds=SECONDS + 60)
"""After this long whoever claimed a data set is gone."""

POLL_SECONDS = 0.2


def import_waiting() -> int:
    """Import every data set that waits, as long as the disk has room; returns how many."""
    done = 0
    while not read_disk().is_full:
        row = DataSet.objects.filter(_unclaimed()).order_by("size_bytes", "pk").first()
        if row is None:
            return done
        done += import_claimed(row.pk)
    return done


def data_waits() -> bool:
    """Whether any data set waits to be read."""
    return DataSet.objects.filter(_unclaimed()).exists()


def import_claimed(pk: int) -> bool:
    """Import one data set if it waits and nobody else does it at this moment."""
    claimed = DataSet.objects.filter(_unclaimed(), pk=pk).update(
        state=DataSetState.READING, reading_since=timezone.now()
    )
    if not claimed:
        return False
    row = DataSet.objects.get(pk=pk)
    values = _read(row)
    old = row.store_key
    # Where the file or the answers have changed meanwhile, the row waits again and stays waiting.
    DataSet.objects.filter(
        pk=pk, state=DataSetState.READING, size_bytes=row.size_bytes, modified_ns=row.modified_ns,
        date_order=row.date_order, column_order=row.column_order,
    ).update(**values)  # fmt: skip
    if old and old != values["store_key"]:
        forget(old)
    return True


def wait_for(pk: int, seconds: float = SECONDS) -> DataSet:
    """The data set once it has been read, by this process or by whoever is reading it.

    It still waits where the disk is full: it is read when there is room again.
    """
    until = time.monotonic() + seconds
    while True:
        if read_disk().is_full:
            return DataSet.objects.get(pk=pk)
        import_claimed(pk)
        row = DataSet.objects.get(pk=pk)
        if row.state not in DataSetState.pending() or time.monotonic() > until:
            return row
        time.sleep(POLL_SECONDS)


def forget(store_key: str) -> None:
    """Remove an import that no data set names."""
    if store_key and not DataSet.objects.filter(store_key=store_key).exists():
        shutil.rmtree(settings.DATASETS_ROOT / store_key, ignore_errors=True)


def examine_file(path: Path, reading: Reading) -> DataReport:
    """The report of a file; stores nothing. Raises ``CoreFailed``."""
    answer = _ask([*_flags(reading), "examine", str(path)])
    return DataReport.model_validate(answer)


def count_rows(config: RunConfig) -> RowLedger:
    """The row ledger of a configuration; raises ``CoreFailed`` with the refusal."""
    arguments = ["ledger", config.model_dump_json(), *map(str, (_data_root(), _store()))]
    return RowLedger.model_validate(_ask(arguments))


def _unclaimed() -> Q:
    stale = Q(state=DataSetState.READING, reading_since__lt=timezone.now() - STALE)
    return Q(state=DataSetState.WAITING) | stale


def _read(row: DataSet) -> dict[str, Any]:
    """Field values of the row, from an import of this very content or from a new one."""
    path = _data_root() / row.path
    reading = Reading(DateOrder(row.date_order), ColumnOrder(row.column_order))
    try:
        return values_of(import_now(path, reading))
    except (CoreFailed, ValidationError) as error:
        logger.warning("%s was not imported: %s", row.path, error)
        return _EMPTY | {"state": DataSetState.REFUSED, "problem": str(error)}


def import_now(path: Path, reading: Reading) -> ImportRecord:
    """The import of any candle file, made where there is none yet. Raises ``CoreFailed``."""
    found = find_import(path, _store(), reading)
    if found is not None:
        return found
    answer = _ask([*_flags(reading), "import", str(path), str(_store())])
    return ImportRecord.model_validate(answer)


def values_of(record: ImportRecord) -> dict[str, Any]:
    """Field values of the data set whose file was imported so."""
    report, kept = record.report, record.candles
    return {
        "state": DataSetState(report.state),
        "timeframe": report.timeframe if kept else "",
        "bars": report.bars if kept else None,
        "first_open": report.first_open if kept else None,
        "last_open": report.last_open if kept else None,
        "problem": report.problem,
        "report": report.model_dump(mode="json"),
        "store_key": record.key,
        "source_sha256": record.source_sha256,
        "candles_sha256": kept.fingerprint if kept else "",
        "parquet_sha256": kept.sha256 if kept else "",
        "parquet_bytes": kept.bytes if kept else None,
    }


_EMPTY: dict[str, Any] = {
    "timeframe": "", "bars": None, "first_open": None, "last_open": None, "problem": "",
    "report": {}, "store_key": "", "source_sha256": "", "candles_sha256": "",
    "parquet_sha256": "", "parquet_bytes": None,
}  # fmt: skip


def _flags(reading: Reading) -> list[str]:
    return ["--date-order", reading.date_order, "--column-order", reading.column_order]


def _ask(arguments: list[str]) -> Mapping[str, Any]:
    return ask_core(Command(MODULE, tuple(arguments), SECONDS, MEMORY_BYTES))


def _store() -> Path:
    return Path(settings.DATASETS_ROOT)


def _data_root() -> Path:
    return Path(settings.DATA_ROOT).resolve()
