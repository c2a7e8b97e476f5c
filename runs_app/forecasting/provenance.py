"""Which code and which packages this process works with. Imports no torch, no Django.

The code is named twice: by the commit of its checkout, where there is one, and by a digest of the
core's own source files, which is there always and tells a changed file that nobody committed.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

from runs_app.forecasting.evaluation.documents import Record

ROOT = Path(__file__).resolve().parents[2]
CORE = Path(__file__).resolve().parent
REQUIREMENTS = ROOT / "requirements.txt"
UNKNOWN = "unknown"
GIT_SECONDS = 20.0

_PINNED = re.compile(r"([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==")


class CodeState(Record):
    """The code, as it lay on the disk when the process first asked."""

    commit: str
    """Of the checkout; ``unknown`` where there is no git or no checkout."""
    dirty: bool | None
    """True where files differ from the commit or are new; None where the commit is unknown."""
    diff_sha256: str
    """Of ``git diff HEAD``; empty where it is empty or unknown. New files are not in it."""
    core_sha256: str
    """Of the core's source files, names and contents: equal for equal code, whatever git says."""


@cache
def code_state() -> CodeState:
    """Read once per process; a forked child has what its parent read."""
    core = _core_sha256()
    commit = _git("rev-parse", "--verify", "HEAD")
    changed = _git("status", "--porcelain")
    diff = _git("diff", "HEAD", "--no-ext-diff", "--no-textconv", "--binary")
    if commit is None or changed is None or diff is None:
        return CodeState(commit=UNKNOWN, dirty=None, diff_sha256="", core_sha256=core)
    return CodeState(
        commit=commit.decode().strip(),
        dirty=bool(changed.strip()),
        diff_sha256=hashlib.sha256(diff).hexdigest() if diff else "",
        core_sha256=core,
    )


@cache
def installed_packages() -> dict[str, str]:
    """Installed version by name of each package that ``requirements.txt`` pins, as installed.

    Empty where that file is not beside the code; ``not installed`` where the package is not.
    """
    try:
        lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    names = [found[1].lower() for line in lines if (found := _PINNED.match(line))]
    return {name: _version(name) for name in sorted(names)}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _git(*arguments: str) -> bytes | None:
    """What git says about the checkout; None where it cannot. It locks and changes nothing."""
    try:
        found = subprocess.run(
            ("git", "--no-optional-locks", "-C", str(ROOT), *arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout if found.returncode == 0 else None


def _core_sha256() -> str:
    digest = hashlib.sha256()
    for path in sorted(CORE.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(CORE).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
