"""What one laboratory is to do and what it found; knows no Django."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

SMALL_DISK_MEGABYTES = 192
DATABASE_DISK_MEGABYTES = 768
WALK = "walk"
DATABASE_DISK_FULL = "database-disk-full"


@dataclass(frozen=True)
class Order:
    """One laboratory: where, on which database, which cases, how long the walk."""

    base: str
    database: str
    seed: int
    cases: list[str]
    """Names; empty: all of this database."""
    full: bool = True
    walk_seconds: float = 0.0
    results: str = ""
    """A file for the verdicts, if not empty."""

    @property
    def fills_database(self) -> bool:
        """Whether the database has to lie on a file system that can be filled."""
        return not self.cases or DATABASE_DISK_FULL in self.cases


@dataclass(frozen=True)
class Verdict:
    """Of one case or walk."""

    name: str
    seconds: float
    faults: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """Nothing was wrong."""
        return not self.faults


def mount_small_disk(path: Path, megabytes: int = SMALL_DISK_MEGABYTES) -> bool:
    """A file system that can be filled; False where this process may not mount one.

    The process is in a mount namespace of its own, so that nothing is left of it at its end.
    """
    path.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        return False
    options = f"size={megabytes}m,mode=0711"
    mount = ["mount", "-t", "tmpfs", "-o", options, "faults", str(path)]
    return subprocess.run(mount, capture_output=True, check=False).returncode == 0
