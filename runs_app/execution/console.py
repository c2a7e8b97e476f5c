"""A trainer's console as text fit to store and show: lines in chunks of one level."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from runs_app.execution.tail import MAX_LINE_BYTES, Piece, parts_of

CHUNK_CHARACTERS = 64 * 1024
"""Most text of one chunk, but for a single longer line."""

MAX_CHANGES = 256
"""Changes of level in one piece; where a flood has more, its lines are told apart no longer."""

_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # colours and cursor movements
    r"|\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # window titles and links
    r"|[@-Z\\-_])"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LEVEL = re.compile(r"\b(DEBUG|INFO|WARNING|ERROR|CRITICAL|Traceback|\w+Error|\w*Warning)\b")
_SIGNS = ("WARNING", "ERROR", "CRITICAL", "Traceback", "Error", "Warning")
"""A line without any of these has no level."""

_ODD = bytes(code for code in (*range(32), 127) if code not in b"\t\n")
"""Bytes that make a line more than its text."""


@dataclass(frozen=True)
class Chunk:
    """Consecutive lines of one level."""

    count: int
    text: str
    """The lines, with a newline between two."""
    level: str | None
    continued: bool = False
    """True for a part of a very long line that is not its first: always a chunk of its own."""


def chunks(piece: Piece) -> list[Chunk]:
    """The lines of a piece of the console, in order."""
    if not piece.data:
        return []
    raw = piece.data.removesuffix(b"\n").split(b"\n")
    if piece.continues and not raw[0]:
        del raw[0]  # the line before has ended at the edge of its piece
    elif not piece.continues and max(map(len, raw)) <= MAX_LINE_BYTES:
        return _grouped(_texts(piece.data, raw))
    made: list[Chunk] = []
    plain: list[str] = []
    for number, line in enumerate(raw):
        inside = number == 0 and piece.continues and piece.data[:1] != b"\n"
        parts = parts_of(line)
        if len(parts) == 1 and not inside:
            plain.append(clean(line))
            continue
        made += _grouped(plain)
        plain = []
        for place, part in enumerate(parts):
            text = clean(part)
            made.append(Chunk(1, text, level_of(text), continued=inside or place > 0))
    return made + _grouped(plain)


def clean(line: bytes) -> str:
    """The text of a line: any bytes survive, a progress bar leaves what it showed last.

    Bytes that are not UTF-8 and control characters become U+FFFD, colours go.
    """
    text = _ESCAPE.sub("", line.decode("utf-8", errors="replace"))
    shown = [part for part in text.split("\r") if part]
    return _CONTROL.sub("\ufffd", shown[-1]) if shown else ""


def level_of(text: str) -> str | None:
    """``warning`` or ``error`` where the line says so itself, else None."""
    found = _LEVEL.search(text[:200])
    if not found:
        return None
    word = found[1]
    if word == "WARNING" or word.endswith("Warning"):
        return "warning"
    return None if word in {"DEBUG", "INFO"} else "error"


def _texts(data: bytes, raw: Sequence[bytes]) -> list[str]:
    """The lines as text; nearly always they hold nothing that has to be cleaned."""
    if len(data.translate(None, _ODD)) == len(data):
        return data.removesuffix(b"\n").decode("utf-8", errors="replace").split("\n")
    return [clean(line) for line in raw]


def _levels(texts: Sequence[str]) -> list[str | None]:
    whole = "\n".join(texts)
    if not any(sign in whole for sign in _SIGNS):
        return [None] * len(texts)
    levels = [level_of(text) for text in texts]
    changes = sum(one != other for one, other in zip(levels, levels[1:], strict=False))
    return levels if changes <= MAX_CHANGES else [None] * len(texts)


def _grouped(texts: Sequence[str]) -> list[Chunk]:
    """Lines of one level together, as long as their text is not too much."""
    made: list[Chunk] = []
    if not texts:
        return made
    levels = _levels(texts)
    start = size = 0
    for at, text in enumerate(texts):
        full = size + len(text) > CHUNK_CHARACTERS
        if at > start and (full or levels[at] != levels[start]):
            made.append(Chunk(at - start, "\n".join(texts[start:at]), levels[start]))
            start, size = at, 0
        size += len(text) + 1
    made.append(Chunk(len(texts) - start, "\n".join(texts[start:]), levels[start]))
    return made
