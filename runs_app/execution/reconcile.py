"""Compare rows with files. Reads only: ``repair`` puts right what is found here.

What changed a moment ago may be in the making and is not judged: a run's folder is there before
its row can be seen, and a file before the event that tells of it. No link is followed.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from django.conf import settings

from runs_app.choices import JobKind, JobState
from runs_app.execution import artifacts, removal, run_directory
from runs_app.execution.predicting import EXPORT_DIR, FORECAST_DIR, forecast_file
from runs_app.forecasting.events import CHECKPOINT_DIR
from runs_app.models import Artifact, Checkpoint, DataSet, TrainingRun

SETTLED_SECONDS = 3600.0
"""A file or folder without a row is judged once nothing has touched it for so long."""

TEMPORARY = (".new", ".part", ".tmp")
PART_PREFIX = ".part-"
"""Of a folder in which candles are being imported."""

CHUNK_RUNS = 200


class Kind(StrEnum):
    """What does not agree."""

    ORPHAN = "orphan"
    """A run's folder, or an import, that no row names."""
    NO_DIRECTORY = "no_directory"
    NO_FILE = "no_file"
    CHANGED = "changed"
    UNLISTED = "unlisted"
    """A file in ``checkpoints``, a prediction or an export that no row names."""
    LEFTOVER = "leftover"
    """A temporary file of something that has ended."""
    UNFINISHED = "unfinished"
    """A deletion for good that is not done."""


@dataclass(frozen=True)
class Difference:
    """One thing that rows and files say differently."""

    kind: Kind
    path: str
    """Relative to MEDIA_ROOT."""
    sentence: str
    run: str = ""
    """Public id of the run; empty where there is none."""
    size_bytes: int = 0
    """On disk; 0 where there is no file."""


@dataclass
class Report:
    """Every difference that was found."""

    differences: list[Difference] = field(default_factory=list)
    runs: int = 0
    """Runs looked at."""
    complete: bool = True
    """False where the time was over before everything was looked at."""

    @property
    def agrees(self) -> bool:
        """True where everything was looked at and nothing differs."""
        return self.complete and not self.differences

    @property
    def size_bytes(self) -> int:
        """What all of it takes on disk."""
        return sum(one.size_bytes for one in self.differences)


Entries = dict[str, os.stat_result]
"""Everything in a run's folder by its path relative to it."""


def compare(*, verify: bool = False, seconds: float = float("inf")) -> Report:
    """Every difference between rows and files; with ``verify`` every registered file is hashed.

    Stops after ``seconds`` and says so. Runs that are pending or running change while one looks,
    so of them only a missing folder is told.
    """
    until = time.monotonic() + seconds
    report = Report()
    # Folders first: one that is made while we look has its row by the time the rows are read.
    root = Path(settings.RUNS_ROOT)
    folders = set(_names(root))
    known: set[str] = set()
    rows = TrainingRun.objects.only("uid", "status", "trashed_at", "purge_started_at").order_by(
        "pk"
    )
    related = rows.prefetch_related("checkpoints", "artifacts", "jobs")
    for run in related.iterator(chunk_size=CHUNK_RUNS):
        known.add(run.uid)
        if time.monotonic() > until:
            report.complete = False
            continue
        report.runs += 1
        report.differences += differences_of(run, verify=verify)
    report.differences += _orphans(root, sorted(folders - known), "no run has this folder")
    report.differences += _imports()
    return report


def differences_of(run: TrainingRun, *, verify: bool = False) -> list[Difference]:
    """What a run's rows and its folder say differently."""
    here = _relative(run_directory.path_of(run.uid))
    if run.purge_started_at:
        said = "it is being deleted for good; the sweep goes on with that"
        taken = removal.bytes_on_disk(run_directory.path_of(run.uid))
        return [Difference(Kind.UNFINISHED, here, said, run.uid, taken)]
    found = entries(run_directory.path_of(run.uid))
    if found is None:
        return [Difference(Kind.NO_DIRECTORY, here, "the run has no folder", run.uid)]
    if run.is_live:
        return []
    return [*_of_rows(run, found, here, verify=verify), *_of_files(run, found, here)]


def entries(folder: Path) -> Entries | None:
    """What lies in a folder; None where it is not there or no folder."""
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            return None
    except FileNotFoundError:
        return None
    found: Entries = {}
    for above, folders, files, descriptor in os.fwalk(folder):
        for name in (*folders, *files):
            try:
                facts = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            except FileNotFoundError:
                continue
            if not stat.S_ISDIR(facts.st_mode):
                found[(Path(above) / name).relative_to(folder).as_posix()] = facts
    return found


def is_settled(facts: os.stat_result) -> bool:
    """Whether nothing has touched a file or folder for long enough to judge it."""
    return time.time() - facts.st_mtime >= SETTLED_SECONDS


def _of_rows(run: TrainingRun, found: Entries, here: str, *, verify: bool) -> Iterator[Difference]:
    hashes: dict[tuple[int, int], str] = {}
    rows: list[Checkpoint | Artifact] = [*run.checkpoints.all(), *run.artifacts.all()]
    told: set[str] = set()
    for row in rows:
        facts = found.get(row.path)
        path = f"{here}/{row.path}"
        said = ""
        kind = Kind.CHANGED
        if facts is None or not stat.S_ISREG(facts.st_mode):
            kind, said = Kind.NO_FILE, "it is registered and not on the disk"
        elif facts.st_size != row.size_bytes:
            said = f"it has {facts.st_size:,} bytes, not {row.size_bytes:,}"
        elif verify and row.sha256:
            file = run_directory.path_of(run.uid) / row.path
            if _hash(file, facts, hashes) != row.sha256:
                said = "its content is not what was registered (SHA-256)"
        if said and row.path not in told:
            told.add(row.path)
            yield Difference(kind, path, said, run.uid, _on_disk(facts))


def _of_files(run: TrainingRun, found: Entries, here: str) -> Iterator[Difference]:
    listed = {row.path for row in run.checkpoints.all()}
    listed |= {row.path for row in run.artifacts.all()}
    done = [job for job in run.jobs.all() if job.state != JobState.FAILED]
    made = {forecast_file(job) for job in done if job.kind == JobKind.PREDICTION}
    exported = any(job.kind == JobKind.EXPORT for job in done)
    for name, facts in found.items():
        folder, _, file = name.rpartition("/")
        kind, said = Kind.UNLISTED, ""
        if is_temporary(file) or "/." in f"/{folder}":
            kind, said = Kind.LEFTOVER, "it was never finished"
        elif folder == CHECKPOINT_DIR and name not in listed:
            said = "no row lists this checkpoint file"
        elif folder == FORECAST_DIR and name not in made:
            said = "no prediction has this file"
        elif name.startswith(f"{EXPORT_DIR}/") and not exported:
            said = "no export has this file"
        if said and is_settled(facts):
            yield Difference(kind, f"{here}/{name}", said, run.uid, _on_disk(facts))


def is_temporary(name: str) -> bool:
    """Whether a file's name is one that it has only while it is written."""
    return name.startswith(".") and name.endswith(TEMPORARY)


def _imports() -> Iterator[Difference]:
    root = Path(settings.DATASETS_ROOT)
    names = set(_names(root, parts=True))
    keys = dict(DataSet.objects.exclude(store_key="").values_list("store_key", "name"))
    for key, name in keys.items():
        if key not in names and not (root / key).is_dir():
            said = f"the import of the data set {name} is not there"
            yield Difference(Kind.NO_DIRECTORY, _relative(root / key), said)
    yield from _orphans(root, sorted(names - keys.keys()), "no data set has this import")


def _orphans(root: Path, names: Iterable[str], said: str) -> Iterator[Difference]:
    for name in names:
        try:
            facts = (root / name).lstat()
        except FileNotFoundError:
            continue
        if not is_settled(facts):
            continue
        kind = Kind.LEFTOVER if name.startswith(PART_PREFIX) else Kind.ORPHAN
        taken = removal.bytes_on_disk(root / name)
        yield Difference(kind, _relative(root / name), said, size_bytes=taken)


def _names(root: Path, *, parts: bool = False) -> Iterator[str]:
    """Entries of a folder but the hidden ones, which are not the product's."""
    if root.is_dir():
        for entry in os.scandir(root):
            if not entry.name.startswith(".") or (parts and entry.name.startswith(PART_PREFIX)):
                yield entry.name


def _hash(file: Path, facts: os.stat_result, known: dict[tuple[int, int], str]) -> str:
    identity = (facts.st_dev, facts.st_ino)
    if identity not in known:
        known[identity] = artifacts.sha256_of(file)
    return known[identity]


def _on_disk(facts: os.stat_result | None) -> int:
    return facts.st_blocks * removal.BLOCK_BYTES if facts else 0


def _relative(path: Path) -> str:
    root = Path(settings.MEDIA_ROOT)
    return str(path.relative_to(root)) if path.is_relative_to(root) else path.name
