"""Small files that appear whole or not at all."""

from __future__ import annotations

import os
import threading
from pathlib import Path

TRAINER_SUFFIX = ".new"
"""Of what a trainer has not finished; the next trainer in the directory removes it."""

EXPORT_DRAFT = ".export-"
"""How the folder begins in which the files of an export are until all are there."""


def draft_of(path: Path, suffix: str = TRAINER_SUFFIX) -> Path:
    """The name that a file has while it is written."""
    return path.with_name(f".{path.name}{suffix}")


def write_whole(path: Path, text: str, *, suffix: str = TRAINER_SUFFIX) -> None:
    """Write ``text`` as UTF-8; a reader sees the old file or the new one. Raises ``OSError``."""
    temporary = draft_of(path, suffix)
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def write_shared(path: Path, text: str) -> None:
    """The same, where several processes may write the file at once: the last one wins."""
    write_whole(path, text, suffix=f".{os.getpid()}-{threading.get_ident()}.part")


def sync_folder(folder: Path) -> None:
    """Wait until the names in ``folder`` are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_unfinished(folder: Path) -> int:
    """Remove what a trainer that was killed had not finished in ``folder``; how many files."""
    found = list(folder.glob(f".*{TRAINER_SUFFIX}"))
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)
