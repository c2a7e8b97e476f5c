"""Open a file of a run for reading: no link, no device, nothing outside the run."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from runs_app.errors import ArtifactNotFound
from runs_app.execution.run_directory import path_of
from runs_app.forecasting.events import CHECKPOINT_DIR
from runs_app.models import TrainingRun

MAX_PARTS = 8
CHECKPOINT_SUFFIX = ".ckpt"
_TEMPORARY = (".tmp", ".part")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK, opening a named pipe would wait for its writer.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True)
class RunFile:
    """An open file of a run and what a download says about it. The caller closes ``file``."""

    file: BinaryIO
    name: str
    size_bytes: int
    etag: str


def open_run_file(run: TrainingRun, path: str) -> RunFile:
    """Open the regular file at ``path``, relative to the run directory.

    A checkpoint is also found by its name alone. Each folder on the way is opened without
    following links, and the file is checked after it is open, so that what was checked is what is
    read. Raises ``ArtifactNotFound``.
    """
    parts, descriptor, state = _opened(run, path)
    return RunFile(
        file=os.fdopen(descriptor, "rb", buffering=0),
        name=parts[-1],
        size_bytes=state.st_size,
        etag=_etag(run, "/".join(parts), state),
    )


def read_run_file(run: TrainingRun, path: str, *, most_bytes: int) -> bytes:
    """The content of such a file without asking the database. Raises ``ArtifactNotFound``.

    A file with more than ``most_bytes`` counts as none.
    """
    _, descriptor, _ = _opened(run, path)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        content = file.read(most_bytes + 1) or b""
    if len(content) > most_bytes:
        raise ArtifactNotFound(_absent(run, path))
    return content


def _opened(run: TrainingRun, path: str) -> tuple[list[str], int, os.stat_result]:
    """The parts of the path, a descriptor and the state of what was opened."""
    parts = path.split("/")
    if len(parts) == 1 and path.endswith(CHECKPOINT_SUFFIX):
        parts.insert(0, CHECKPOINT_DIR)
    if not _plain(parts):
        raise ArtifactNotFound(_absent(run, path))
    directory = path_of(run.uid)
    try:
        descriptor = _descend(directory, parts)
    except OSError as error:
        raise ArtifactNotFound(_absent(run, path)) from error
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode) or not _all_links_inside(directory, state):
        os.close(descriptor)
        raise ArtifactNotFound(_absent(run, path))
    return parts, descriptor, state


def _absent(run: TrainingRun, path: str) -> str:
    shown = path if path.isprintable() and len(path) <= 200 else "of this name"
    return f"Run {run.uid} has no file {shown}."


def _plain(parts: list[str]) -> bool:
    """True when every part is an ordinary, visible name of a finished file or a folder."""
    return len(parts) <= MAX_PARTS and all(
        part
        and not part.startswith(".")
        and not part.endswith(_TEMPORARY)
        and part.isprintable()
        and "\\" not in part
        and len(part.encode(errors="surrogatepass")) <= 255
        for part in parts
    )


def _descend(directory: Path, parts: list[str]) -> int:
    """A descriptor of the last part, reached folder by folder; raises ``OSError``."""
    here = os.open(directory, _FOLDER)
    try:
        for part in parts[:-1]:
            inner = os.open(part, _FOLDER, dir_fd=here)
            os.close(here)
            here = inner
        return os.open(parts[-1], _FILE, dir_fd=here)
    finally:
        os.close(here)


def _all_links_inside(directory: Path, state: os.stat_result) -> bool:
    """False when the file has another name outside the run: a hard link to somebody else's file."""
    if state.st_nlink <= 1:
        return True
    inside = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            other = (Path(folder) / name).lstat()
            inside += (other.st_dev, other.st_ino) == (state.st_dev, state.st_ino)
    return inside == state.st_nlink


def _etag(run: TrainingRun, path: str, state: os.stat_result) -> str:
    """The SHA-256 once the run has ended; before that, what changes with every write."""
    if run.is_final:
        row = run.artifacts.filter(path=path, size_bytes=state.st_size).exclude(sha256="").first()
        if row is not None:
            return f'"{row.sha256}"'
    return f'"{state.st_ino:x}-{state.st_mtime_ns:x}-{state.st_size:x}"'
