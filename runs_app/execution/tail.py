"""Read what was appended to a file, by byte offset, in complete lines."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAX_LINE_BYTES = 64 * 1024
"""A longer line is handed on in pieces, so that one line can fill neither memory nor a page."""

READ_BYTES = 1024 * 1024
"""Most that one batch holds."""


@dataclass(frozen=True)
class Piece:
    """Complete lines, and the offsets they stood between."""

    data: bytes
    start: int
    end: int
    continues: bool = False
    """True where the first line goes on from the last one of the piece before."""

    @property
    def lines(self) -> tuple[bytes, ...]:
        """The lines without their newline, a very long one in parts."""
        if not self.data:
            return ()
        lines = self.data.removesuffix(b"\n").split(b"\n")
        return tuple(part for line in lines for part in parts_of(line))


class Tail:
    """Follows one file that only ever grows and need not exist yet."""

    def __init__(self, path: Path, offset: int) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self.offset = offset
        """Bytes handed out so far."""
        self._inside = offset > 0 and self.bytes_at(offset - 1, 1) not in (b"\n", b"")

    def begin_line(self) -> None:
        """What comes next is a line of its own, though the one before had no newline."""
        self._inside = False

    def read(self, *, to_the_end: bool = False) -> Piece:
        """The complete lines after ``offset``, at most about ``READ_BYTES``; none: an empty piece.

        With ``to_the_end`` a last line without a newline counts as complete.
        """
        start = self.offset
        data = self.bytes_at(start, READ_BYTES)
        cut = data.rfind(b"\n") + 1
        if to_the_end and len(data) < READ_BYTES:
            cut = len(data)
        elif not cut and len(data) >= MAX_LINE_BYTES:
            cut = sum(len(part) for part in parts_of(data)[:-1])
        return self.take(Piece(data[:cut], start, start + cut, self._inside))

    def take(self, piece: Piece) -> Piece:
        """Go on after this piece, which begins at ``offset``."""
        self.offset = piece.end
        if piece.data:
            self._inside = not piece.data.endswith(b"\n")
        return piece

    def bytes_at(self, offset: int, count: int) -> bytes:
        """Up to so many bytes from an offset; fewer at the end, none where there is no file."""
        if self._file is None:
            try:
                self._file = self._path.open("rb", buffering=0)
            except FileNotFoundError:
                return b""
        return os.pread(self._file.fileno(), count, offset)

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()
            self._file = None


def parts_of(line: bytes) -> list[bytes]:
    """The line in parts of at most ``MAX_LINE_BYTES``, at least one; no UTF-8 letter is torn."""
    parts = []
    while len(line) > MAX_LINE_BYTES:
        cut = MAX_LINE_BYTES
        while cut > MAX_LINE_BYTES - 3 and line[cut] & 0xC0 == 0x80:
            cut -= 1
        parts.append(line[:cut])
        line = line[cut:]
    return [*parts, line]
