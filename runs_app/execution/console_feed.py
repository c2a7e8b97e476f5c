"""What a trainer writes to its console, as log entries, up to the limit of the run.

Beyond ``LOG_CAP_BYTES`` of ``console.log`` lines are only counted, and their place on the disk is
given back at once. At the end of the attempt the file is cut there; a marker says what was left
out, and the last lines follow it, in the file and in the stored log alike.
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings

from runs_app.execution.console import Chunk, chunks
from runs_app.execution.holes import punch
from runs_app.execution.recorder import Span, log_entry
from runs_app.execution.tail import READ_BYTES, Piece, Tail
from runs_app.execution.translation import Entry
from runs_app.forecasting.counted import counted

CONSOLE = "console"
COUNTED_PIECES = 16
"""Pieces beyond the limit that one reading counts: the supervisor has other duties."""

LOG_TAIL_LINES = 20
LAST_BYTES = 64 * 1024
"""The end of what was left out is looked through for the last lines."""

Entries = list[tuple[datetime, Entry]]


@dataclass(frozen=True)
class Place:
    """How far the console was read, as the run's row keeps it."""

    offset: int
    lines: int
    """Lines of the attempt stored so far."""
    kept: int | None = None
    """Where what is kept ends, once the limit was reached."""
    left_out: int = 0
    """Ends of lines counted since."""


@dataclass(frozen=True)
class Reading:
    """Entries, the bytes they were made of, and the place after them."""

    entries: Entries
    span: Span | None
    place: Place


class ConsoleFeed:
    """Follows ``console.log`` from a stored place."""

    def __init__(self, path: Path, place: Place) -> None:
        self._path = path
        self._tail = Tail(path, place.offset)
        self._lines, self._kept, self._left_out = place.lines, place.kept, place.left_out
        self.last_lines: deque[str] = deque(maxlen=LOG_TAIL_LINES)
        """The newest lines."""

    def begin(self) -> None:
        """What follows is another attempt's: its lines are numbered from 1."""
        self._lines = 0
        self._tail.begin_line()
        self.last_lines.clear()

    def read(self, *, to_the_end: bool = False) -> Reading:
        """What was appended, at most about ``READ_BYTES`` of text."""
        start = self._tail.offset
        if self._kept is not None:
            return self._count(start)
        piece = self._tail.read(to_the_end=to_the_end)
        room = settings.LOG_CAP_BYTES - start
        if piece.data and piece.end - start > room:
            cut = piece.data.rfind(b"\n", 0, max(room, 0)) + 1
            piece = self._tail.take(
                Piece(piece.data[:cut], start, start + cut, continues=piece.continues)
            )
            self._kept = piece.end
            if not cut:
                return self._count(start)
        return self._reading(start, self._entries(chunks(piece)))

    def cut(self) -> Reading | None:
        """Cut the file where nobody writes to it any more; None where nothing is to be cut."""
        kept, start = self._kept, self._tail.offset
        if kept is None:
            return None
        size = self._path.stat().st_size if self._path.exists() else start
        # Where the file is shorter, a worker cut it and was gone before that was stored.
        cut = size < start
        text = self._tail.bytes_at(kept, size - kept) if cut else self._cut_at(kept, size)
        self._kept, self._left_out = None, 0
        piece = self._tail.take(Piece(text, kept, kept + len(text)))
        text = text.removeprefix(b"\n")
        marked = text.startswith(b"... ")
        marker, _, rest = text.partition(b"\n") if marked else (b"", b"", text)
        entries = self._entries([Chunk(1, marker.decode(), "warning")]) if marked else []
        entries += self._entries(chunks(Piece(rest, 0, len(rest))))
        return self._reading(start, entries, end=piece.end)

    def close(self) -> None:
        """Close the file."""
        self._tail.close()

    def _cut_at(self, kept: int, size: int) -> bytes:
        """What takes the place of everything from ``kept`` on: the marker and the last lines."""
        last = self._tail.bytes_at(max(kept, size - LAST_BYTES), LAST_BYTES)
        ends = self._left_out + (not last.endswith(b"\n"))
        whole = last.removesuffix(b"\n").split(b"\n")
        if size - kept > LAST_BYTES:
            del whole[0]  # its beginning is further up
        shown = whole[-LOG_TAIL_LINES:]
        text = b"".join(line + b"\n" for line in shown)
        if ends == len(shown):
            return last
        text = _marker(ends - len(shown), size - kept - len(text)) + text
        if kept and self._tail.bytes_at(kept - 1, 1) != b"\n":
            text = b"\n" + text
        with self._path.open("r+b", buffering=0) as file:
            # First written, then cut: a worker that dies in between leaves a file to cut again.
            os.pwrite(file.fileno(), text, kept)
            file.truncate(kept + len(text))
        return text

    def _count(self, start: int) -> Reading:
        kept = self._kept or 0
        for _ in range(COUNTED_PIECES):
            data = self._tail.bytes_at(self._tail.offset, READ_BYTES)
            self._left_out += data.count(b"\n")
            self._tail.offset += len(data)
            if len(data) < READ_BYTES:
                break
        punch(self._path, kept, self._tail.offset - LAST_BYTES)
        return self._reading(start, [])

    def _entries(self, made: list[Chunk]) -> Entries:
        entries = []
        for chunk in made:
            entries.append(log_entry(self._lines + 1, chunk, CONSOLE))
            self._lines += chunk.count
        for chunk in made[-LOG_TAIL_LINES:]:
            self.last_lines.extend(chunk.text.rsplit("\n", LOG_TAIL_LINES)[-LOG_TAIL_LINES:])
        return entries

    def _reading(self, start: int, entries: Entries, end: int | None = None) -> Reading:
        end = self._tail.offset if end is None else end
        place = Place(end, self._lines, self._kept, self._left_out)
        return Reading(entries, Span(start, end) if end != start else None, place)


def _marker(lines: int, size: int) -> bytes:
    limit = settings.LOG_CAP_BYTES / 1024**2
    what = counted(lines, "line was", "lines were")
    said = f"... {what} left out ({counted(size, 'byte')}): "
    return f"{said}the log is limited to {limit:,g} MiB (LOG_CAP_MB).\n".encode()
