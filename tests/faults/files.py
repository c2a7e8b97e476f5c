"""Rules that files can show: S7, S9, S12 (temporary files, tracebacks)."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from django.core.management import call_command
from django.core.management.base import CommandError

from runs_app.execution import run_directory
from runs_app.models import Checkpoint
from tests.faults.findings import Violation

DRAFTS = re.compile(r"(^\..*\.new$)|(\.part$)|(\.tmp$)|(^secret_key\.\d+$)")
LOAD = "import sys, torch; [torch.load(p, weights_only=True) for p in sys.argv[1:]]"

TRACEBACK = "Traceback (most recent call last)"
EXPECTED = (
    # The web process answers the request that was under way with 500 and says why.
    r"django\.db\.utils\.(OperationalError|InterfaceError)",
    # The cause of the first.
    r"sqlite3\.OperationalError: database or disk is full",
    r"psycopg\.(OperationalError|errors\.\w+)",
    # Celery and channels tell how the broker went away before they connect again.
    r"(redis|kombu|amqp)\.exceptions\.\w+",
    r"^\s*(ConnectionResetError|ConnectionRefusedError|BrokenPipeError|FileNotFoundError|TimeoutError)",
    # The same of beat, whose pool is empty before it connects again.
    r"celery\.beat\.SchedulingError",
    r"^\s*IndexError: pop from empty list$",
    # How celery prints the end of a worker that was asked twice.
    r"SystemExit",
)
"""Last lines of tracebacks that a fault may leave in a log, each reviewed: all name a server that
was away or a disk that was full. Anything else is a fault of the product."""

RECORD = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [A-Z]+ ")
_EXPECTED = re.compile("|".join(f"(?:{pattern})" for pattern in EXPECTED))


def check_checkpoints() -> Iterator[Violation]:
    """S7: every listed checkpoint is whole and what was recorded."""
    real = []
    for checkpoint in Checkpoint.objects.select_related("run").filter(run__trashed_at=None):
        name = f"run {checkpoint.run.uid}: {checkpoint.path}"
        path = run_directory.path_of(checkpoint.run.uid) / checkpoint.path
        try:
            content = path.read_bytes()
        except OSError as error:
            yield Violation("S7", f"{name} is listed and cannot be read: {error.strerror}")
            continue
        if hashlib.sha256(content).hexdigest() != checkpoint.sha256:
            yield Violation("S7", f"{name} is not what was recorded")
            continue
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                damaged = archive.testzip()
                scripted = "step" in archive.namelist()
        except zipfile.BadZipFile as error:
            damaged, scripted = str(error), True
        if damaged:
            yield Violation("S7", f"{name} does not load: {damaged}")
        elif not scripted:
            real.append(str(path))
    if real:
        loaded = subprocess.run([sys.executable, "-c", LOAD, *real], capture_output=True, text=True)
        if loaded.returncode:
            yield Violation("S7", f"torch does not load {real}: {loaded.stderr[-500:]}")


def check_reconciled() -> Iterator[Violation]:
    """S9, by the product's own command."""
    said = io.StringIO()
    with suppress(CommandError):  # it ends so where there are differences
        call_command("reconcile", "--json", "--verify", stdout=said)
    for one in json.loads(said.getvalue())["differences"]:
        yield Violation("S9", f"reconcile: {one['kind']}: {one['path']}: {one['sentence']}")


def check_drafts(*roots: Path) -> Iterator[Violation]:
    """S12: no file that was being written is left."""
    for root in roots:
        for path in root.rglob("*"):
            if DRAFTS.search(path.name):
                yield Violation("S12", f"{path.relative_to(root.parent)} was left")


def check_logs(folder: Path, read: dict[str, int]) -> Iterator[Violation]:
    """S12: no traceback in the logs but the reviewed ones; ``read``: bytes looked at already."""
    for path in sorted(folder.glob("*.log")):
        with path.open("rb") as stream:
            stream.seek(read.get(path.name, 0))
            text = stream.read().decode(errors="replace")
            read[path.name] = stream.tell()
        for last in _last_lines(text):
            if not _EXPECTED.search(last):
                yield Violation("S12", f"{path.name}: {last.strip()}")


def _last_lines(text: str) -> Iterator[str]:
    """The line that names the error, of each traceback that is not the cause of another one.

    One that the next record cuts off says nothing: so a full disk leaves it, and nothing else does.
    """
    inside = False
    depth = 0
    for line in text.splitlines():
        if TRACEBACK in line:
            inside, depth = True, len(line) - len(line.lstrip())
        elif inside and RECORD.search(line):
            inside = False
        elif inside and line.strip() and len(line) - len(line.lstrip()) <= depth:
            inside = False
            yield line
