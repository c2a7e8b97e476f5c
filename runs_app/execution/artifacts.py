"""Register the files a run leaves: name, size, SHA-256 and kind."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from runs_app.choices import ArtifactKind
from runs_app.forecasting.environment import ENVIRONMENT_FILE
from runs_app.forecasting.events import (
    CHECKPOINT_DIR,
    CONFIG_FILE,
    CONSOLE_FILE,
    EVENTS_FILE,
    METRICS_FILE,
    PREDICTIONS_FILE,
    REPORT_FILE,
)
from runs_app.forecasting.passport import PASSPORT_FILE
from runs_app.models import Artifact, Checkpoint

KINDS: dict[str, ArtifactKind] = {
    CONFIG_FILE: ArtifactKind.CONFIG,
    METRICS_FILE: ArtifactKind.METRICS,
    PREDICTIONS_FILE: ArtifactKind.PREDICTIONS,
    REPORT_FILE: ArtifactKind.REPORT,
    CONSOLE_FILE: ArtifactKind.LOG,
    EVENTS_FILE: ArtifactKind.EVENTS,
    PASSPORT_FILE: ArtifactKind.PASSPORT,
    ENVIRONMENT_FILE: ArtifactKind.ENVIRONMENT,
}
CHUNK_BYTES = 4 * 1024 * 1024
_DAMAGED = (zipfile.BadZipFile, zlib.error)


def _nothing() -> None:
    pass


def register(run_pk: int, directory: Path, name: str, sha256: str = "") -> Artifact:
    """Store or refresh the record of ``directory / name``; its hash is computed if not given."""
    file = directory / name
    facts = file.stat()
    artifact, _ = Artifact.objects.update_or_create(
        run_id=run_pk,
        path=name,
        defaults={
            "kind": KINDS.get(name, _kind_of(name)),
            "size_bytes": facts.st_size,
            "sha256": sha256 or sha256_of(file),
            "created_at": datetime.fromtimestamp(facts.st_mtime, UTC),
        },
    )
    return artifact


def register_all(run_pk: int, directory: Path, tick: Callable[[], object] = _nothing) -> list[str]:
    """Make the records of a run's files true; returns what was not as recorded, in sentences.

    Every file is hashed anew, one with several links once; ``tick`` is called again and again.
    A checkpoint that is gone or is not what was saved is no longer listed as one. A checkpoint file
    that was not recorded so is listed as a file only where it is whole.
    """
    hashes: dict[tuple[int, int], str] = {}
    saved = {c.path: c.sha256 for c in Checkpoint.objects.filter(run_id=run_pk)}
    whole = set(saved.values())
    listed: list[str] = []
    said: list[str] = []
    for name in _files(directory):
        facts = (directory / name).lstat()
        identity = (facts.st_dev, facts.st_ino)
        if identity not in hashes:
            hashes[identity] = sha256_of(directory / name, tick)
        digest = hashes[identity]
        if name in saved and saved.pop(name) != digest:
            Checkpoint.objects.filter(run_id=run_pk, path=name).delete()
            said.append(f"{name} is not the file that was recorded; it is no checkpoint any more.")
        is_checkpoint = KINDS.get(name, _kind_of(name)) is ArtifactKind.CHECKPOINT
        if is_checkpoint and digest not in whole and not is_whole(directory / name, tick):
            said.append(f"{name} is damaged or incomplete; it is not listed.")
            continue
        register(run_pk, directory, name, digest)
        listed.append(name)
    said += [f"{name} is gone from the disk; it is no checkpoint any more." for name in saved]
    Checkpoint.objects.filter(run_id=run_pk, path__in=saved).delete()
    Artifact.objects.filter(run_id=run_pk).exclude(path__in=listed).delete()
    return said


def is_whole(file: Path, tick: Callable[[], object] = _nothing) -> bool:
    """Whether a checkpoint file is a whole archive whose every part has its checksum."""
    try:
        with zipfile.ZipFile(file) as archive:
            for part in archive.infolist():
                with archive.open(part) as stream:
                    while stream.read(CHUNK_BYTES):
                        tick()
    except (OSError, EOFError, ValueError, NotImplementedError, RuntimeError, *_DAMAGED):
        return False
    return True


def sha256_of(file: Path, tick: Callable[[], object] = _nothing) -> str:
    """Hexadecimal SHA-256 of a file, read in pieces; ``tick`` is called after each."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
            tick()
    return digest.hexdigest()


def _kind_of(name: str) -> ArtifactKind:
    is_checkpoint = name.startswith(f"{CHECKPOINT_DIR}/")
    return ArtifactKind.CHECKPOINT if is_checkpoint else ArtifactKind.OTHER


def _files(directory: Path) -> Iterator[str]:
    """Names, relative to the run directory, of the regular files that belong to the user."""
    for name in KINDS:
        if _is_regular(directory / name):
            yield name
    folder = directory / CHECKPOINT_DIR
    for file in sorted(folder.glob("*.ckpt")) if not folder.is_symlink() else ():
        if _is_regular(file):
            yield file.relative_to(directory).as_posix()


def _is_regular(file: Path) -> bool:
    return file.is_file() and not file.is_symlink()
