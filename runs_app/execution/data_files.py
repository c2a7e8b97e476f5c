"""The candle files inside DATA_ROOT: which there are, and the row of each."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from runs_app.choices import DataSetState
from runs_app.errors import DataSourceNotFound
from runs_app.forecasting.data.endings import FILE_NAME, suffix_of
from runs_app.models import DataSet

MAX_FILES = 1000
MAX_DEPTH = 4


def data_root() -> Path:
    """DATA_ROOT with links resolved, so that 'inside' means one thing."""
    return Path(settings.DATA_ROOT).resolve()


def candle_files(root: Path) -> Iterator[tuple[str, os.stat_result]]:
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
            state = regular_inside(here / name, root)
            if state is None:
                continue
            yield (here / name).relative_to(root).as_posix(), state
            found += 1
            if found >= MAX_FILES:
                return


def regular_inside(path: Path, root: Path) -> os.stat_result | None:
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


def notice(relative: str, state: os.stat_result, **more: Any) -> DataSet:
    """The row of a file as it is now; it waits to be read where it is new or has changed.

    ``more``: further fields of a row that is new.
    """
    row = DataSet.objects.filter(path=relative).first()
    seen = {"size_bytes": state.st_size, "modified_ns": state.st_mtime_ns}
    if row is None:
        return _add(relative, seen | more)
    if has_changed(row, state):
        DataSet.objects.filter(pk=row.pk).update(**seen, state=DataSetState.WAITING)
        row.refresh_from_db()
    return row


def has_changed(row: DataSet, state: os.stat_result) -> bool:
    """Whether the file is another one than the row was made of."""
    return (row.size_bytes, row.modified_ns) != (state.st_size, state.st_mtime_ns)


def _add(relative: str, seen: dict[str, Any]) -> DataSet:
    """The new row of a file, or the one that another process has added meanwhile."""
    tries = 3
    while True:
        name = _name_for(relative)
        try:
            with transaction.atomic():
                return DataSet.objects.create(
                    path=relative, name=name, synthetic=relative == FILE_NAME, **seen
                )
        except IntegrityError:  # the file has been added, or its name taken, since we looked
            row = DataSet.objects.filter(path=relative).first()
            tries -= 1
            if row is not None:
                return row
            if not tries:
                raise
