"""How far a trainer has come: a number in ``RUN_DIR/progress`` that grows with real work alone.

The thread that works calls ``advance`` wherever a piece of work is done: a batch, a chunk, a stage.
A supervisor that sees the number stand still knows that nothing goes on, however alive the process
looks; so a thread that does not work must never call it. No torch, no Django.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import Struct

PROGRESS_FILE = "progress"
COUNTER = Struct("<Q")


class ProgressMark:
    """The counter of one run directory, in shared memory: ``advance`` costs no system call.

    Goes on from what an earlier attempt left. Raises ``OSError`` where it cannot be made.
    """

    def __init__(self, run_dir: Path) -> None:
        self._count = read_progress(run_dir) or 0
        self._file = os.open(run_dir / PROGRESS_FILE, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            # Written, not only made long enough: on a full disk a hole would end the process.
            os.pwrite(self._file, COUNTER.pack(self._count), 0)
            os.ftruncate(self._file, COUNTER.size)
            self._memory = mmap.mmap(self._file, COUNTER.size)
        except BaseException:
            os.close(self._file)
            raise

    def advance(self) -> None:
        """Work went forward."""
        self._count += 1
        COUNTER.pack_into(self._memory, 0, self._count)

    def close(self) -> None:
        """Let the file go."""
        self._memory.close()
        os.close(self._file)


_marks: list[ProgressMark] = []
"""The one of this process while it trains."""


@contextmanager
def marking(run_dir: Path) -> Iterator[None]:
    """Inside the block ``advance`` moves the mark of ``run_dir``."""
    mark = ProgressMark(run_dir)
    _marks.append(mark)
    try:
        yield
    finally:
        _marks.remove(mark)
        mark.close()


def advance() -> None:
    """Work of this process went forward; does nothing outside ``marking``."""
    if _marks:
        _marks[-1].advance()


def read_progress(run_dir: Path) -> int | None:
    """How far the trainer has come; None where none has begun."""
    try:
        found = (run_dir / PROGRESS_FILE).read_bytes()
    except OSError:
        return None
    return COUNTER.unpack(found)[0] if len(found) == COUNTER.size else None
