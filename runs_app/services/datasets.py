"""Data sets: candle files inside DATA_ROOT, what is in them, and what a data source names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from django.conf import settings
from django.db import transaction

from runs_app.choices import DataSetState
from runs_app.errors import DataSetNotFound, DataSourceNotFound
from runs_app.execution import intake, wakeups
from runs_app.execution.data_files import (
    candle_files,
    data_root,
    has_changed,
    notice,
    regular_inside,
)
from runs_app.forecasting.config.reading import ColumnOrder, DateOrder
from runs_app.forecasting.data.endings import suffix_of
from runs_app.forecasting.data.inspect import CandleFacts
from runs_app.forecasting.data.report import DataReport
from runs_app.forecasting.errors import ConfigInvalid, FieldError
from runs_app.models import DataSet

MAX_NAMED = 10
MAX_SEARCH = 200
"""Data sets that an error message lists."""


def refresh_one(relative: str) -> DataSet:
    """The data set of a file inside DATA_ROOT, read again when the file changed.

    Waits until it has been read. Raises ``DataSourceNotFound`` when there is no such regular file.
    """
    root = data_root()
    state = regular_inside(root / relative, root)
    if state is None:
        raise DataSourceNotFound(f"{relative} is not a regular file inside DATA_ROOT.")
    row = notice(relative, state)
    return intake.wait_for(row.pk) if row.is_pending else row


def refresh() -> None:
    """Bring the data sets in line with DATA_ROOT: new, changed and vanished files.

    Reads none of them; those that wait are read by a worker, who is woken.
    """
    left = {row.path: row for row in DataSet.objects.defer("report")}
    for relative, state in candle_files(data_root()):
        row = left.pop(relative, None)
        if row is None or has_changed(row, state):
            notice(relative, state)
    for gone in left.values():
        gone.delete()
        intake.forget(gone.store_key)
    if intake.data_waits():
        transaction.on_commit(wakeups.wake_import)


def list_data_sets() -> list[DataSet]:
    """All data sets by name, without reports, brought up to date first; new files may wait."""
    refresh()
    return list(DataSet.objects.defer("report"))


def clean_search(asked: str) -> str:
    """A search as it is shown and used."""
    return asked.replace("\x00", "").strip()[:MAX_SEARCH]


def matching(rows: list[DataSet], search: str) -> list[DataSet]:
    """Those whose name, file or bar holds the text, in whatever letters."""
    word = search.casefold()
    return [row for row in rows if word in f"{row.name} {row.path} {row.timeframe}".casefold()]


def find_data_set(pk: int) -> DataSet:
    """One data set, noticed again if its file has changed. Raises ``DataSetNotFound``."""
    row = DataSet.objects.filter(pk=pk).first()
    root = data_root()
    state = None if row is None else regular_inside(root / row.path, root)
    if row is None or state is None:
        raise DataSetNotFound("There is no such data set; its file may have been removed.")
    row = notice(row.path, state)
    if row.state == DataSetState.WAITING:
        transaction.on_commit(wakeups.wake_import)
    return row


def answer(row: DataSet, date_order: str, column_order: str) -> None:
    """Take a person's answers to what the file leaves open, and have it read again.

    Raises ``ConfigInvalid`` where an answer is none of those there are.
    """
    told = {"date_order": date_order, "column_order": column_order}
    kinds: dict[str, type[DateOrder | ColumnOrder]] = {
        "date_order": DateOrder, "column_order": ColumnOrder,
    }  # fmt: skip
    errors = [
        FieldError(name, f"must be one of {', '.join(kinds[name])}, not {value!r:.50}")
        for name, value in told.items()
        if value not in set(kinds[name])
    ]
    if errors:
        raise ConfigInvalid(errors)
    DataSet.objects.filter(pk=row.pk).update(**told, state=DataSetState.WAITING)
    transaction.on_commit(wakeups.wake_import)


def read_again(pk: int) -> bool:
    """Have the file read anew; False where it is being read just now, or is not there."""
    rows = DataSet.objects.filter(pk=pk).exclude(state=DataSetState.READING)
    waits = rows.update(state=DataSetState.WAITING)
    if waits:
        transaction.on_commit(wakeups.wake_import)
    return bool(waits)


def report_of(row: DataSet) -> DataReport | None:
    """What was found in the file; None until it has been read."""
    return DataReport.model_validate(row.report) if row.report and not row.is_pending else None


def facts_of(data_set: DataSet) -> CandleFacts | None:
    """What the file holds, with repair where it takes repair; None where it cannot be used."""
    report = report_of(data_set)
    if report is None or report.state not in {"usable", "repairable"}:
        return None
    return report_facts(report)


def report_facts(report: DataReport) -> CandleFacts | None:
    """The facts of a report whose file can be used."""
    if not report.bars or report.first_open is None or report.last_open is None:
        return None
    return CandleFacts(
        timeframe=report.timeframe,
        bar_seconds=int(report.bar_seconds or 0),
        bars=report.bars,
        first_open=report.first_open,
        last_open=report.last_open,
    )


def resolve_source(text: str) -> str:
    """The path relative to DATA_ROOT that a data source names.

    Accepts the name of a data set, a path inside DATA_ROOT, and a path as seen from the project
    (``./data/BTCUSDT_1m.csv``) where that lies in DATA_ROOT. Raises ``DataSourceNotFound`` with a
    sentence that lists what there is.
    """
    reason = _why_not_a_path(text)
    if reason:
        refresh()
        raise DataSourceNotFound(f"{reason} {_what_there_is()}")
    root = data_root()
    named = _path_of_name(text, root)
    if named is not None:
        return named
    for candidate in _candidates(text, root):
        if regular_inside(root / candidate, root) is not None and suffix_of(candidate):
            return candidate
    refresh()  # a file may have come since the last look
    named = _path_of_name(text, root)
    if named is not None:
        return named
    raise DataSourceNotFound(
        f"names neither a data set nor a candle file inside DATA_ROOT. {_what_there_is()}"
    )


def _path_of_name(name: str, root: Path) -> str | None:
    path = DataSet.objects.filter(name=name).values_list("path", flat=True).first()
    return path if path and regular_inside(root / path, root) else None


def _harmless(text: str) -> bool:
    return 0 < len(text) <= 500 and text.isprintable()


def _why_not_a_path(text: str) -> str:
    """Why a text can be no path inside DATA_ROOT, as the start of a sentence; empty when it can."""
    if not _harmless(text):
        return "is empty, too long, or holds a character that cannot be printed."
    if "\\" in text or "://" in text:
        return "must be a plain path with forward slashes, not an address."
    path = PurePosixPath(text)
    if path.is_absolute() or text.startswith("~"):
        return "must be a path inside DATA_ROOT; absolute paths are not accepted."
    if ".." in path.parts:
        return "must stay inside DATA_ROOT; '..' is not accepted."
    if any(len(part.encode()) > 255 for part in path.parts):
        return "holds a name that is too long for a file."
    return ""


def _candidates(text: str, root: Path) -> Iterator[str]:
    """Readings of a path, most literal first: inside DATA_ROOT, then as seen from the project."""
    path = PurePosixPath(text)
    yield path.as_posix()
    if len(path.parts) > 1 and path.parts[0] in (root.name, Path(settings.DATA_ROOT).name):
        yield PurePosixPath(*path.parts[1:]).as_posix()
    from_project = Path(settings.ROOT).resolve() / path
    if from_project.is_relative_to(root):
        yield from_project.relative_to(root).as_posix()


def _what_there_is() -> str:
    names = list(DataSet.objects.values_list("name", flat=True)[: MAX_NAMED + 1])
    if not names:
        return "DATA_ROOT holds no candle file yet; put one there."
    more = ", and more" if len(names) > MAX_NAMED else ""
    return f"There are: {', '.join(names[:MAX_NAMED])}{more}."
