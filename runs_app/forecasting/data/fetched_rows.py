"""Candles that have come from an exchange so far: on the disk after every page, whole or not.

``rows.f64`` holds six little-endian float64 a candle: opening time (ms), open, high, low, close,
volume. ``state.json`` says how many of them count; what a killed process wrote beyond is cut off.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from runs_app.forecasting.data.fetch_wish import FetchState, read_state, state_path
from runs_app.forecasting.errors import DataInvalid
from runs_app.forecasting.whole_file import sync_folder, write_whole

COLUMNS = 6
ROW_BYTES = COLUMNS * 8
_ROWS_FILE = "rows.f64"
_LOCK_FILE = "lock"
WAIT_SECONDS = 0.2


class FetchedRows:
    """The rows of one folder and their state; one process at a time (see ``held``)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.state = read_state(folder)
        self._file = os.open(folder / _ROWS_FILE, os.O_RDWR | os.O_CREAT, 0o644)
        here = os.fstat(self._file).st_size // ROW_BYTES
        if here < self.state.rows:  # it was tampered with: nothing of it can be trusted
            self.state = FetchState()
        os.ftruncate(self._file, self.state.rows * ROW_BYTES)

    def add(self, rows: Sequence[Sequence[float]], next_ms: int) -> None:
        """Append candles, ascending and later than all before, and go on at ``next_ms``."""
        update: dict[str, object] = {"next_ms": next_ms}
        if rows:
            values = np.asarray(rows, dtype="<f8")
            os.lseek(self._file, self.state.rows * ROW_BYTES, os.SEEK_SET)
            _write_all(self._file, values.tobytes())
            os.fsync(self._file)
            first, last = int(values[0, 0]), int(values[-1, 0])
            known = self.state.first_ms
            update |= {
                "rows": self.state.rows + len(values),
                "first_ms": first if known is None else known,
                "last_ms": last,
            }
        self._keep(update)

    def values(self) -> npt.NDArray[np.float64]:
        """All candles [rows, 6]."""
        path = self._folder / _ROWS_FILE
        return np.fromfile(path, dtype="<f8", count=self.state.rows * COLUMNS).reshape(-1, COLUMNS)

    def note_written(self, file: Path) -> None:
        """All candles are in ``file``, which is about to get its name."""
        self._keep({"written": _identity(file.stat())})

    def named_in(self, folder: Path) -> Path | None:
        """The file that was noted, once it has a name in ``folder``; None as long as it has not."""
        if self.state.written is None or not folder.is_dir():
            return None
        for entry in os.scandir(folder):
            hidden = entry.name.startswith(".") or not entry.is_file(follow_symlinks=False)
            if not hidden and _identity(entry.stat()) == self.state.written:
                return Path(entry.path)
        return None

    def close(self) -> None:
        """Let the file go."""
        os.close(self._file)

    def _keep(self, update: dict[str, object]) -> None:
        state = self.state.model_copy(update=update)
        write_whole(state_path(self._folder), state.model_dump_json())
        sync_folder(self._folder)
        self.state = state


class Held(DataInvalid):
    """Another process fetches the same."""


@contextmanager
def held(folder: Path, seconds: float = 0.0) -> Iterator[FetchedRows]:
    """The rows of ``folder``, which no other process may write meanwhile.

    One that does is waited for ``seconds``; then ``Held``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK_FILE).open("w") as lock:
        _lock(lock, seconds)
        rows = FetchedRows(folder)
        try:
            yield rows
        finally:
            rows.close()


def _lock(file: IO[str], seconds: float) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < until:
                time.sleep(WAIT_SECONDS)
                continue
            raise Held(
                "the same candles are being fetched by another process at this moment; wait for it"
            ) from None
        return


def _identity(facts: os.stat_result) -> tuple[int, int, int]:
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
