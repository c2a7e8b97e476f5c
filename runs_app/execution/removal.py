"""Measure and remove folders: no link is ever followed, and what is told as freed was freed."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

BLOCK_BYTES = 512
"""Unit of ``st_blocks``, whatever the file system's own blocks are."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class InUse(Exception):
    """Somebody holds the lock of the folder."""


def bytes_on_disk(folder: Path) -> int:
    """What a folder takes, itself included, a file with several links once; 0 if there is none."""
    try:
        found = {_identity(folder.lstat()): _bytes(folder.lstat())}
    except FileNotFoundError:
        return 0
    if not stat.S_ISDIR(folder.lstat().st_mode):
        return sum(found.values())
    for _, folders, files, descriptor in os.fwalk(folder):
        for name in (*folders, *files):
            with suppress(FileNotFoundError):
                facts = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                found[_identity(facts)] = _bytes(facts)
    return sum(found.values())


def remove(root: Path, name: str) -> int:
    """Remove ``name`` of the folder ``root`` with all that is in it; returns the bytes freed.

    A link is removed and its target is not. What has another name elsewhere frees nothing. Of two
    who remove the same folder at once, one does it and the other waits and frees nothing. Raises
    ``OSError``; whatever is left then, another call goes on with.
    """
    if not name or "/" in name or name in (".", ".."):
        raise ValueError(f"{name!r} is no name of a folder")
    with _opened(root) as above:
        try:
            facts = os.stat(name, dir_fd=above, follow_symlinks=False)
        except FileNotFoundError:
            return 0
        if not stat.S_ISDIR(facts.st_mode):
            return _unlink(name, above)
        try:
            descriptor = os.open(name, _FOLDER, dir_fd=above)
        except FileNotFoundError:
            return 0
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Whoever held the lock before us has removed it, or another one has come in its place.
            if not _is_still(name, above, os.fstat(descriptor)):
                return 0
            return _empty(descriptor) + _rmdir(name, above)
        finally:
            os.close(descriptor)


def remove_file(folder: Path, path: str) -> int:
    """Remove what is no folder at ``path`` below ``folder``; the bytes freed. Raises ``OSError``.

    No folder on the way is reached over a link.
    """
    *parts, name = path.split("/")
    here = os.open(folder, _FOLDER)
    try:
        for part in parts:
            inner = os.open(part, _FOLDER, dir_fd=here)
            os.close(here)
            here = inner
        return _unlink(name, here)
    finally:
        os.close(here)


@contextmanager
def unused(lock: Path) -> Iterator[None]:
    """Hold a lock file if there is one; raises ``InUse`` where another process holds it."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise InUse(f"{lock.name} is held") from error
    try:
        yield
    finally:
        os.close(descriptor)


def _empty(descriptor: int) -> int:
    """Remove everything below an open folder, the deepest first; the bytes freed."""
    freed = 0
    # fwalk opens each folder without following links and looks again after it is open.
    for _, folders, files, inner in os.fwalk(".", topdown=False, dir_fd=descriptor):
        for name in files:
            freed += _unlink(name, inner)
        for name in folders:
            facts = os.stat(name, dir_fd=inner, follow_symlinks=False)
            freed += _rmdir(name, inner) if stat.S_ISDIR(facts.st_mode) else _unlink(name, inner)
    return freed


def _unlink(name: str, above: int) -> int:
    try:
        facts = os.stat(name, dir_fd=above, follow_symlinks=False)
        os.unlink(name, dir_fd=above)
    except FileNotFoundError:
        return 0
    return _bytes(facts) if facts.st_nlink <= 1 else 0


def _rmdir(name: str, above: int) -> int:
    facts = os.stat(name, dir_fd=above, follow_symlinks=False)
    os.rmdir(name, dir_fd=above)
    return _bytes(facts)


def _is_still(name: str, above: int, opened: os.stat_result) -> bool:
    try:
        return _identity(os.stat(name, dir_fd=above, follow_symlinks=False)) == _identity(opened)
    except FileNotFoundError:
        return False


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    # The root itself may be a link: where the files lie is the administrator's to say.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _bytes(facts: os.stat_result) -> int:
    return facts.st_blocks * BLOCK_BYTES


def _identity(facts: os.stat_result) -> tuple[int, int]:
    return facts.st_dev, facts.st_ino
