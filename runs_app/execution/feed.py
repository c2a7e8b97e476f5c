"""The supervisor's reading side: from the files a trainer appends to, to batches to store."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from runs_app.execution.console import Chunk, clean
from runs_app.execution.console_feed import ConsoleFeed, Entries, Place, Reading
from runs_app.execution.leases import Claim, held_by, was_settled
from runs_app.execution.patience import Patience, patiently
from runs_app.execution.recorder import (
    Batch,
    OffsetMoved,
    Span,
    log_entry,
    record,
    system_entry,
)
from runs_app.execution.tail import READ_BYTES, Piece, Tail
from runs_app.execution.translation import Entry, translate
from runs_app.forecasting.events import (
    CONSOLE_FILE,
    EVENTS_FILE,
    FitFailed,
    FitFinished,
    from_line,
)
from runs_app.models import TrainingRun

logger = logging.getLogger(__name__)

FLOOD = READ_BYTES // 2
"""A batch with so much of the console has more waiting behind it."""

BATCH_SECONDS = 0.05
"""Shortest time between two batches: a lone event is stored at once, a flood in large pieces."""

LAST_BYTES = 1024 * 1024
"""No event is larger."""

SUPERVISOR = "supervisor"


class Feed:
    """Follows ``events.jsonl`` and ``console.log`` from the stored offsets.

    What is there before ``begin`` was written by an earlier attempt, and is recorded as its own.
    """

    def __init__(self, held: Claim, directory: Path, patience: Patience) -> None:
        self._held = held
        self._directory = directory
        self._patience = patience
        self._waiting: Entries = []
        self._stored_at = 0.0
        self._behind = False
        self.last_word: FitFinished | FitFailed | None = None
        """How the trainer says it ended."""
        patiently(self._attach, patience)

    def pump(self) -> None:
        """Store what was appended, one batch, unless the last was stored a moment ago."""
        if self._behind or time.monotonic() - self._stored_at >= BATCH_SECONDS:
            self._store(self._console.read(), self._events.read())

    def begin(self) -> None:
        """From here on the output is our own attempt's; what came before has been read out."""
        began = {"reading_attempt": self._held.attempt, "attempt_offset": self._events.offset}
        patiently(
            lambda: held_by(self._held).update(**began, console_lines=0),
            self._patience,
        )
        self._attempt, self._began = self._held.attempt, self._events.offset
        self._console.begin()
        self.last_word = None

    def add_sample(self, sample: dict[str, Any]) -> None:
        """Put a sample of the machine into the next batch."""
        self._waiting.append(system_entry(sample))

    def add_note(self, sentence: str) -> None:
        """Put a warning of the supervisor's own into the next batch of the log."""
        self._waiting.append(log_entry(0, Chunk(1, sentence, "warning"), SUPERVISOR))

    def drain(self, tick: Callable[[], object] = lambda: None) -> None:
        """Store everything up to the end of both files, once nobody writes any more.

        ``tick`` is called after each batch: a flood takes longer to store than a lease lasts.
        """
        while self._store(self._console.read(to_the_end=True), self._events.read()):
            tick()
        if cut := self._console.cut():
            self._store(cut, self._events.read())

    @property
    def log_tail(self) -> Sequence[str]:
        """The newest console lines."""
        return tuple(self._console.last_lines)

    @property
    def bytes_of_events(self) -> int:
        """How much of ``events.jsonl`` was read."""
        return self._events.offset

    def wait_with(self, patience: Patience) -> None:
        """From here on wait for the database with another patience."""
        self._patience = patience

    def word_left(self) -> FitFinished | FitFailed | None:
        """How the attempt that was read out says it ended, where nobody has obeyed that yet.

        A run that ended so, and was started again by a person, is not ended by it once more.
        """
        word = self.last_word or _last_word(self._directory / EVENTS_FILE, self._began)
        settled = partial(was_settled, self._held.run_pk, self._attempt)
        return None if word is None or patiently(settled, self._patience) else word

    def close(self) -> None:
        """Close the files."""
        self._console.close()
        self._events.close()

    def _attach(self) -> None:
        """Begin where the database says that the stored part ends."""
        run = TrainingRun.objects.only(
            "events_offset",
            "console_offset",
            "console_lines",
            "console_kept",
            "console_left_out",
            "reading_attempt",
            "attempt_offset",
        ).get(pk=self._held.run_pk)
        self._events = Tail(self._directory / EVENTS_FILE, run.events_offset)
        place = Place(run.console_offset, run.console_lines, run.console_kept, run.console_left_out)
        self._console = ConsoleFeed(self._directory / CONSOLE_FILE, place)
        self._attempt, self._began = run.reading_attempt or 1, run.attempt_offset

    def _store(self, console: Reading, events: Piece) -> bool:
        """Store one batch; False when there was nothing to store."""
        place = console.place
        batch = Batch(
            self._waiting + console.entries + self._event_entries(events),
            events=_span(events),
            console=console.span,
            lines=place.lines,
            kept=place.kept,
            left_out=place.left_out,
        )
        self._behind = console.span is not None and console.span.end - console.span.start >= FLOOD
        if batch.is_empty:
            return False
        try:
            patiently(partial(record, self._held, batch, attempt=self._attempt), self._patience)
        except OffsetMoved as error:
            # A commit whose confirmation was lost was repeated: it stands, so go on from there.
            logger.warning("Reading again from the stored offsets: %s", error)
            self.close()
            patiently(self._attach, self._patience)
        self._waiting = []
        self._stored_at = time.monotonic()
        return True

    def _event_entries(self, piece: Piece) -> Entries:
        entries: Entries = []
        for line in piece.lines:
            try:
                event = from_line(line)
            except ValidationError as error:
                entries.append(_foreign(line, error))
                continue
            if isinstance(event, (FitFinished, FitFailed)):
                self.last_word = event
            entry = translate(event, self._attempt)
            if entry:
                entries.append((event.at, entry))
        return entries


def _last_word(path: Path, began: int) -> FitFinished | FitFailed | None:
    """The last line of a log from a byte on, where it is one that ends a fit."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(began, stream.seek(0, os.SEEK_END) - LAST_BYTES))
            lines = stream.read().splitlines()
        event = from_line(lines[-1])
    except (OSError, IndexError, ValidationError):
        return None
    return event if isinstance(event, (FitFinished, FitFailed)) else None


def _foreign(line: bytes, error: ValidationError) -> tuple[datetime, Entry]:
    """A warning in place of a line of ``events.jsonl`` that is no event."""
    shown = clean(line[:200])
    message = f"A line of {EVENTS_FILE} is no event ({error.error_count()} faults): {shown}"
    return log_entry(0, Chunk(1, message, "warning"), SUPERVISOR)


def _span(piece: Piece) -> Span | None:
    return Span(piece.start, piece.end) if piece.end > piece.start else None
