"""Candles of an exchange as a job: in slices, so that whatever ends one, the next goes on.

The core's process works for ``SLICE_SECONDS`` and says how far it is; then the job waits again, and
whoever is free takes it up. A person who cancels writes the job's state, and the slice ends.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from runs_app.choices import JobKind, Origin
from runs_app.execution import data_files, job_claims, wakeups
from runs_app.execution.core_process import Command, ask_core
from runs_app.forecasting.data.fetch_wish import FetchWish, read_state
from runs_app.models import DataSet, Job

MODULE = "runs_app.forecasting.data.fetch"
SLICE_SECONDS = 90.0
OVERTIME_SECONDS = 400.0
"""Beyond its slice, for a page that is asked for again and again, and for writing the file."""

MEMORY_BYTES = 3 * 1024**3
KEEP = timedelta(days=7)
"""How long what has come of a fetch that nobody goes on with is kept."""


def command_of(wish: FetchWish, seconds: float = SLICE_SECONDS) -> Command:
    """Fetch, or go on, for ``seconds``."""
    mirror = settings.EXCHANGE_MIRRORS.get(wish.exchange, "")
    arguments = (
        wish.model_dump_json(), "--folder", str(folder_of(wish)),
        "--out", str(data_files.data_root()), "--seconds", str(seconds), "--wait", str(seconds),
        "--mirror", mirror,
    )  # fmt: skip
    return Command(MODULE, arguments, seconds + OVERTIME_SECONDS, MEMORY_BYTES)


def folder_of(wish: FetchWish) -> Path:
    """Where the pages of a wish are kept until its file is written."""
    return Path(settings.FETCHES_ROOT) / wish.key


def carry_on(job: Job) -> dict[str, Any]:
    """One slice of a job; its facts, with ``done``. Raises ``CoreFailed``."""
    wish = FetchWish.model_validate(job.arguments)
    return fetch(wish, job_claims.Watch(job, Progress(wish)).wanted)


def fetch(wish: FetchWish, wanted: Callable[[], bool]) -> dict[str, Any]:
    """One slice; once all is there the file is a data set, and what was kept is gone."""
    answer = ask_core(command_of(wish), wanted=wanted)
    if answer["done"]:
        _take_in(str(answer["file"]), answer["provenance"])
        shutil.rmtree(folder_of(wish), ignore_errors=True)
    return answer


class Progress:
    """How far a wish is, as facts of its job; called again and again it knows the rate."""

    def __init__(self, wish: FetchWish) -> None:
        self._wish = wish
        self._began = time.monotonic()
        self._rows = read_state(folder_of(wish)).rows

    def __call__(self) -> dict[str, Any]:
        """``bars``, ``first_ms``, ``last_ms``, ``rate`` (bars a second), ``share`` (0 to 1)."""
        state = read_state(folder_of(self._wish))
        seconds = time.monotonic() - self._began
        rate = (state.rows - self._rows) / seconds if seconds > 0 else 0.0
        return state.model_dump() | {"rate": round(rate, 1), "share": share_of(self._wish, state)}


def share_of(wish: FetchWish, state: Any) -> float | None:
    """How much of the time between its first candle and its end has been fetched, 0 to 1."""
    if state.first_ms is None or state.last_ms is None:
        return None
    until = wish.until_ms or int(datetime.now(UTC).timestamp() * 1000)
    whole = until - state.first_ms
    return min((state.next_ms - state.first_ms) / whole, 1.0) if whole > 0 else 1.0


def cancel(job: Job) -> bool:
    """End a job that has not ended; what has come is kept for a while. False where it had."""
    return job_claims.cancel(Job.objects.filter(pk=job.pk, kind=JobKind.FETCH))


def forget_old() -> int:
    """Remove what has come of fetches that nobody went on with; how many."""
    root = Path(settings.FETCHES_ROOT)
    oldest = time.time() - KEEP.total_seconds()
    gone = 0
    for folder in root.iterdir() if root.is_dir() else ():
        if folder.is_dir() and _newest(folder) < oldest:
            shutil.rmtree(folder, ignore_errors=True)
            gone += 1
    return gone


def _newest(folder: Path) -> float:
    return max((item.stat().st_mtime for item in folder.iterdir()), default=0.0)


def _take_in(name: str, provenance: Mapping[str, Any]) -> None:
    root = data_files.data_root()
    state = data_files.regular_inside(root / name, root)
    if state is not None:
        told = {"origin": Origin.FETCHED, "provenance": dict(provenance)}
        row = data_files.notice(name, state, **told)
        if row.origin != Origin.FETCHED:  # a page has listed the folder a moment before
            DataSet.objects.filter(pk=row.pk).update(**told)
        transaction.on_commit(wakeups.wake_import)
