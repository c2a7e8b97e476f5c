"""Which attempt of a run may write into its directory: two files, and who writes them.

``RUN_DIR/attempt`` holds the number of the newest attempt as text; a supervisor writes it before it
starts a trainer. A trainer with a smaller number was replaced and ends itself. On
``RUN_DIR/trainer.lock`` a trainer holds an exclusive ``flock`` while it lives, so that the next one
waits until it is gone; the kernel frees it however the trainer ends. This module imports neither
torch nor Django.
"""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from runs_app.forecasting.whole_file import write_shared

ATTEMPT_FILE = "attempt"
LOCK_FILE = "trainer.lock"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class LockHolder:
    """The trainer that took the lock last; it may be gone."""

    attempt: int
    """0 for one that was started from a shell."""
    pid: int
    started: float
    """When the process was created, as ``psutil`` has it: with ``pid`` it names one process."""
    boot: str
    """Which start of the machine that was; empty where the system does not say."""
    host: str


def write_attempt(run_dir: Path, number: int) -> None:
    """Say that attempt ``number`` is the rightful one from now on. Raises ``OSError``."""
    write_shared(run_dir / ATTEMPT_FILE, f"{number}\n")


def read_attempt(run_dir: Path) -> int | None:
    """The number of the rightful attempt; None where no supervisor has written one."""
    try:
        text = (run_dir / ATTEMPT_FILE).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return int(text) if text.isascii() and text.isdecimal() else None


def this_process(attempt: int) -> LockHolder:
    """What this process writes into its lock."""
    return LockHolder(
        attempt=attempt,
        pid=os.getpid(),
        started=psutil.Process().create_time(),
        boot=boot_id(),
        host=socket.gethostname(),
    )


def boot_id() -> str:
    """Names this start of the machine; empty where the system does not say."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def lock_text(holder: LockHolder) -> str:
    """One line of JSON."""
    return json.dumps(asdict(holder)) + "\n"


def read_lock(run_dir: Path) -> LockHolder | None:
    """Who took the lock last; None where nobody did or the file cannot be read."""
    try:
        found = json.loads((run_dir / LOCK_FILE).read_text(encoding="utf-8"))
        return LockHolder(
            attempt=int(found["attempt"]),
            pid=int(found["pid"]),
            started=float(found["started"]),
            boot=str(found["boot"]),
            host=str(found["host"]),
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None
