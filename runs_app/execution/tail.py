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
    """Complete lines without their newline, and the offsets they stood between."""

    lines: tuple[bytes, ...]
    start: int
    end: int


class Tail:
    """Follows one file that only ever grows and need not exist yet."""

    def __init__(self, path: Path, offset: int) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self.offset = offset
        """Bytes handed out so far."""

    def read(self, *, to_the_end: bool = False) -> Piece:
        """The complete lines after ``offset``, at most about ``READ_BYTES``; none: an empty piece.

        With ``to_the_end`` a last line without a newline counts as complete.
        """
        start = self.offset
        data = self._bytes_after(start)
        cut = data.rfind(b"\n") + 1
        if to_the_end and len(data) < READ_BYTES:
            cut = len(data)
        elif not cut and len(data) >= MAX_LINE_BYTES:
            cut = MAX_LINE_BYTES
        lines = _split(data[:cut])
        self.offset = start + cut
        return Piece(lines, start, self.offset)

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()
            self._file = None

    def _bytes_after(self, offset: int) -> bytes:
        if self._file is None:
            try:
                self._file = self._path.open("rb", buffering=0)
            except FileNotFoundError:
                return b""
        return os.pread(self._file.fileno(), READ_BYTES, offset)


def _split(data: bytes) -> tuple[bytes, ...]:
    if not data:
        return ()
    lines = data.removesuffix(b"\n").split(b"\n")
    return tuple(
        line[at : at + MAX_LINE_BYTES]
        for line in lines
        for at in range(0, max(len(line), 1), MAX_LINE_BYTES)
    )
