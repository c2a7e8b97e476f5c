"""Register the files a run leaves: name, size, SHA-256 and kind."""

from __future__ import annotations

import hashlib
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
from runs_app.models import Artifact

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


def register_all(run_pk: int, directory: Path, tick: Callable[[], object]) -> None:
    """Register every regular file the trainer left; calls ``tick`` between two files.

    A hash is computed once per file: a checkpoint whose record has the file's size keeps the
    hash it was saved with, and a second link to the same file takes the first one's.
    """
    known = {a.path: a for a in Artifact.objects.filter(run_id=run_pk)}
    hashes: dict[tuple[int, int], str] = {}
    found = list(_files(directory))
    # Known files come first, so that links to them need no hash of their own.
    for name in sorted(found, key=lambda name: (name not in known, name)):
        facts = (directory / name).stat()
        identity = (facts.st_dev, facts.st_ino)
        digest = hashes.get(identity, "")
        record = known.get(name)
        if not digest and record and record.kind == ArtifactKind.CHECKPOINT:
            digest = record.sha256 if record.size_bytes == facts.st_size else ""
        hashes[identity] = register(run_pk, directory, name, digest).sha256
        tick()
    Artifact.objects.filter(run_id=run_pk).exclude(path__in=found).delete()


def sha256_of(file: Path) -> str:
    """Hexadecimal SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _kind_of(name: str) -> ArtifactKind:
    is_checkpoint = name.startswith(f"{CHECKPOINT_DIR}/")
    return ArtifactKind.CHECKPOINT if is_checkpoint else ArtifactKind.OTHER


def _files(directory: Path) -> Iterator[str]:
    """Names, relative to the run directory, of the files that belong to the user."""
    for name in KINDS:
        if (directory / name).is_file():
            yield name
    for file in sorted((directory / CHECKPOINT_DIR).glob("*.ckpt")):
        if file.is_file():
            yield file.relative_to(directory).as_posix()
