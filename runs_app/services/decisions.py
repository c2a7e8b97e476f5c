"""One decision of a run's test part: which one is meant, and what the core says about it.

The core works in a disposable process, on a block of neighbours at once: who goes on to the next
decision finds it in the cache.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from django.conf import settings
from django.core.cache import cache

from runs_app.errors import ArtifactNotFound, ReportMissing
from runs_app.execution.core_process import Command, CoreFailed, ask_core
from runs_app.execution.run_directory import path_of
from runs_app.forecasting.decision.documents import Block, Decision
from runs_app.forecasting.evaluation.judged_rows import decision_times
from runs_app.forecasting.events import PREDICTIONS_FILE
from runs_app.models import TrainingRun
from runs_app.services.decision_times import Times, place_of
from runs_app.services.report import why_missing
from runs_app.services.run_files import open_run_file

MODULE = "runs_app.forecasting.decision"
SECONDS = 120.0
MEMORY_BYTES = 4 * 1024**3
"""2.6 million candles in seven timeframes, as for the builder's pictures."""

BLOCK = 16
"""Decisions of one process."""
KEPT_SECONDS = 3600

_ONE_AT_A_TIME = threading.Lock()
"""Of this process: viewers who ask at once take turns, and those who ask for the same find it."""


@dataclass(frozen=True)
class Found:
    """A decision, where it stands in its test part, and what holds for all of its block.

    ``previous``, ``next``: None at an end. ``first``, ``last``: of the test part. All ms UTC.
    """

    decision: Decision
    block: Block
    total: int
    previous: int | None
    next: int | None
    first: int
    last: int


def find_decision(run: TrainingRun, at: str = "") -> Found:
    """The decision at an instant, ISO 8601, UTC where it names no zone; without one the newest.

    Raises ``DecisionInvalid`` where the test part has none there, and ``ReportMissing`` where the
    run's predictions are not there or cannot be read.
    """
    times, etag = _times(run)
    place = place_of(times, at) if at.strip() else len(times) - 1
    block = _block(run, etag, place // BLOCK)
    return Found(
        decision=block.decisions[place % BLOCK],
        block=block,
        total=len(times),
        previous=int(times[place - 1]) if place else None,
        next=int(times[place + 1]) if place + 1 < len(times) else None,
        first=int(times[0]),
        last=int(times[-1]),
    )


def _times(run: TrainingRun) -> tuple[Times, str]:
    """When the decisions of the test part were made, and what the file is known by."""
    try:
        found = open_run_file(run, PREDICTIONS_FILE)
    except ArtifactNotFound as error:
        raise ReportMissing(why_missing(run)) from error
    with found.file:
        try:
            times = decision_times(found.file, split="test")
        except (pa.ArrowException, OSError, KeyError) as error:
            raise ReportMissing(
                f"The decisions of this run cannot be read: {PREDICTIONS_FILE} is damaged."
            ) from error
    if not len(times):
        raise ReportMissing("This run was judged on no decision, so there is none to look at.")
    return times, found.etag


def _block(run: TrainingRun, etag: str, number: int) -> Block:
    key = f"decisions-{run.uid}-{etag.strip(chr(34))}-{_candle_state(run)}-{number}"
    found = cache.get(key)
    if found is None:
        with _ONE_AT_A_TIME:
            found = cache.get(key) or _made(run, number, key)
    return Block.model_validate_json(found)


def _made(run: TrainingRun, number: int, key: str) -> str:
    block = _asked(run, number)
    text = block.model_dump_json()
    if not block.problem:  # what is missing may come back
        cache.set(key, text, KEPT_SECONDS)
    return text


def _asked(run: TrainingRun, number: int) -> Block:
    arguments = (
        str(path_of(run.uid)),
        str(Path(settings.DATA_ROOT).resolve()),
        str(settings.DATASETS_ROOT),
        str(number * BLOCK),
        str(BLOCK),
    )
    try:
        return Block.model_validate(ask_core(Command(MODULE, arguments, SECONDS, MEMORY_BYTES)))
    except CoreFailed as error:
        sentence = str(error).rstrip(".")
        raise ReportMissing(f"The decision cannot be shown: {sentence}.") from error


def _candle_state(run: TrainingRun) -> str:
    """What changes with the candle file, so that an answer about an earlier one is not kept."""
    try:
        state = (Path(settings.DATA_ROOT) / str(run.config["data"]["source"])).stat()
    except (OSError, KeyError, ValueError):
        return "none"
    return f"{state.st_size:x}-{state.st_mtime_ns:x}"
