"""Data sets: candle files inside DATA_ROOT, what is in them, and what a data source names."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from django.conf import settings
from django.db import IntegrityError, transaction

from runs_app.errors import DataSourceNotFound
from runs_app.forecasting.config.timeframes import duration_seconds
from runs_app.forecasting.data.candles import SUFFIXES as SUFFIXES
from runs_app.forecasting.data.inspect import CandleFacts, inspect_candles
from runs_app.forecasting.data.sample import FILE_NAME
from runs_app.forecasting.errors import DataInvalid
from runs_app.models import DataSet

SAMPLE_FILE = FILE_NAME
"""The synthetic sample; a file of this name is always shown as synthetic."""

MAX_FILES = 1000
MAX_DEPTH = 4
MAX_NAMED = 10
"""Data sets that an error message lists."""


def data_root() -> Path:
    """DATA_ROOT with links resolved, so that 'inside' means one thing."""
    return Path(settings.DATA_ROOT).resolve()


def suffix_of(name: str) -> str | None:
    """The ending that makes ``name`` a candle file, the longest first, or None."""
    lower = name.lower()
    matching = [suffix for suffix in SUFFIXES if lower.endswith(suffix) and lower != suffix]
    return max(matching, key=len, default=None)


def _files(root: Path) -> Iterator[str]:
    """Regular candle files under ``root``, relative and in order; none hidden, none outside."""
    found = 0
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        depth = len(here.relative_to(root).parts)
        folders[:] = (
            sorted(f for f in folders if not f.startswith(".")) if depth < MAX_DEPTH else []
        )
        for name in sorted(names):
            if name.startswith(".") or suffix_of(name) is None:
                continue
            if _regular_inside(here / name, root) is None:
                continue
            yield (here / name).relative_to(root).as_posix()
            found += 1
            if found >= MAX_FILES:
                return


def _regular_inside(path: Path, root: Path) -> os.stat_result | None:
    """The file's state when, links followed, it is a regular file inside ``root``; else None."""
    try:
        resolved = path.resolve(strict=True)
        state = resolved.stat()
    except (OSError, RuntimeError, ValueError):
        return None
    inside = resolved.is_relative_to(root)
    return state if inside and stat.S_ISREG(state.st_mode) else None


def _name_for(relative: str) -> str:
    """A free name for a new data set: the stem, else the file name, else the whole path."""
    path = PurePosixPath(relative)
    stem = path.name[: -len(suffix_of(path.name) or "")] or path.name
    for name in (stem, path.name, relative):
        if len(name) <= 100 and not DataSet.objects.filter(name=name).exists():
            return name
    raise DataSourceNotFound(f"No free name of up to 100 characters is left for {relative}.")


def _inspected(relative: str, path: Path, state: os.stat_result) -> dict[str, object]:
    """Field values of the file as it is now."""
    values: dict[str, object] = {
        "size_bytes": state.st_size,
        "modified_ns": state.st_mtime_ns,
        "synthetic": relative == SAMPLE_FILE,
        "timeframe": "",
        "bars": None,
        "first_open": None,
        "last_open": None,
        "problem": "",
    }
    try:
        facts = inspect_candles(path)
    except DataInvalid as error:
        values["problem"] = str(error)
    except OSError as error:
        values["problem"] = f"The file cannot be read: {error.strerror}."
    else:
        values["timeframe"] = facts.timeframe
        values["bars"] = facts.bars
        values["first_open"] = facts.first_open
        values["last_open"] = facts.last_open
    return values


def refresh_one(relative: str) -> DataSet:
    """The data set of a file inside DATA_ROOT, read again when the file changed.

    Raises ``DataSourceNotFound`` when there is no such regular file.
    """
    root = data_root()
    state = _regular_inside(root / relative, root)
    if state is None:
        raise DataSourceNotFound(f"{relative} is not a regular file inside DATA_ROOT.")
    row = DataSet.objects.filter(path=relative).first()
    if row and (row.size_bytes, row.modified_ns) == (state.st_size, state.st_mtime_ns):
        return row
    values = _inspected(relative, root / relative, state)
    if row is None:
        return _add(relative, values)
    DataSet.objects.filter(pk=row.pk).update(**values)
    row.refresh_from_db()
    return row


def _add(relative: str, values: dict[str, object]) -> DataSet:
    """The new row of a file, or the one that another process has added meanwhile."""
    tries = 3
    while True:
        name = _name_for(relative)
        try:
            with transaction.atomic():
                return DataSet.objects.create(path=relative, name=name, **values)
        except IntegrityError:  # the file has been added, or its name taken, since we looked
            row = DataSet.objects.filter(path=relative).first()
            tries -= 1
            if row is not None:
                return row
            if not tries:
                raise


def refresh() -> None:
    """Bring the data sets in line with DATA_ROOT: new, changed and vanished files."""
    present = list(_files(data_root()))
    for relative in present:
        try:
            refresh_one(relative)
        except DataSourceNotFound:  # removed between the listing and the look
            continue
    DataSet.objects.exclude(path__in=present).delete()


def list_data_sets() -> list[DataSet]:
    """All data sets by name, brought up to date first."""
    refresh()
    return list(DataSet.objects.all())


def facts_of(data_set: DataSet) -> CandleFacts | None:
    """What was found in the file, or None where it could not be read."""
    if data_set.bars is None or data_set.first_open is None or data_set.last_open is None:
        return None
    return CandleFacts(
        timeframe=data_set.timeframe,
        bar_seconds=duration_seconds(data_set.timeframe),
        bars=data_set.bars,
        first_open=data_set.first_open,
        last_open=data_set.last_open,
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
        if _regular_inside(root / candidate, root) is not None and suffix_of(candidate):
            return candidate
    refresh()  # a file may have come since the last look
    named = _path_of_name(text, root)
    if named is not None:
        return named
    raise DataSourceNotFound(
        f"names neither a data set nor a candle file inside DATA_ROOT. {_what_there_is()}"
    )


def _path_of_name(name: str, root: Path) -> str | None:
    row = DataSet.objects.filter(name=name).first()
    if row is None or _regular_inside(root / row.path, root) is None:
        return None
    return row.path


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
