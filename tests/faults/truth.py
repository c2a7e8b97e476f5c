"""What a scripted trainer really emitted, kept apart from everything the product stores.

A line carries its number and a checksum over all lines of its attempt before it, so that a stored
log shows by itself whether a line is missing, doubled or out of place; the truth file says how many
there have to be at least. It lies beside MEDIA_ROOT in ``truth/UID/ATTEMPT`` and is written after
the product's own files: a trainer that is killed in between emitted one line more than it says.
"""

from __future__ import annotations

import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

LINE = re.compile(r"^(\d+)\.(\d+) ([0-9a-f]{8})$")
FLOOD_EVERY = 1000
"""A flood notes its truth once in so many lines."""


def line_text(attempt: int, number: int, chain: int) -> tuple[str, int]:
    """The text of one line and the checksum that the next one goes on from."""
    head = f"{attempt}.{number}"
    found = zlib.crc32(head.encode(), chain)
    return f"{head} {found:08x}", found


def loss_at(attempt: int, step: int) -> float:
    """The value that attempt reports at a step: another one at each, with all its digits."""
    return 1.0 / (step + attempt / 7.0)


class TruthWriter:
    """Writes the truth of one attempt; ``run_dir`` is MEDIA_ROOT/runs/UID."""

    def __init__(self, run_dir: Path, attempt: int) -> None:
        folder = truth_folder(run_dir)
        folder.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._file = os.open(folder / str(attempt), flags, 0o600)
        self._attempt = attempt
        self._lines = 0
        self._chain = 0

    def line(self) -> None:
        """Emit the next line on the console, then note it."""
        self.lines(1)

    def lines(self, count: int) -> None:
        """Emit so many lines in one write, then note them."""
        texts = []
        for number in range(self._lines + 1, self._lines + count + 1):
            text, self._chain = line_text(self._attempt, number, self._chain)
            texts.append(f"{text}\n")
        write_all(1, "".join(texts).encode())
        self._lines += count
        write_all(self._file, f"L {self._lines}\n".encode())

    def step(self, number: int) -> None:
        """Note a step whose event was written."""
        write_all(self._file, f"S {number}\n".encode())


@dataclass(frozen=True)
class Truth:
    """What one attempt emitted at least."""

    lines: int
    steps: tuple[int, ...]


def truth_folder(run_dir: Path) -> Path:
    """Where the truth of a run lies."""
    return run_dir.parents[2] / "truth" / run_dir.name


def read_truth(run_dir: Path) -> dict[int, Truth]:
    """By attempt."""
    found = {}
    folder = truth_folder(run_dir)
    for path in folder.iterdir() if folder.is_dir() else ():
        lines, steps = 0, []
        for entry in path.read_text().splitlines():
            kind, _, number = entry.partition(" ")
            if kind == "L":
                lines = int(number)
            else:
                steps.append(int(number))
        found[int(path.name)] = Truth(lines, tuple(steps))
    return found


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it. Raises ``OSError``."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
