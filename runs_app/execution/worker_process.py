"""This worker process: the name under which it holds leases, and whether another one still lives.

Each worker holds a lock on a file of its own. The kernel frees it when the process dies, so that on
the same host a dead worker is known at once, and one that is only slow is never taken for dead.
"""

from __future__ import annotations

import os
import secrets
import time
from functools import cache
from pathlib import Path

from django.conf import settings

from runs_app.execution.slots import host_name, try_lock

_SEPARATOR = ":"
FORGET_SECONDS = 86_400.0


@cache
def own_name() -> str:
    """``host:pid:word`` of this process; a process id alone comes again after a restart."""
    name = _SEPARATOR.join((host_name(), str(os.getpid()), secrets.token_hex(4)))
    if try_lock(_lock_file(name)) is None:
        raise RuntimeError(f"{name} is locked by another process")
    return name


def host_of(worker: str) -> str:
    """The host in a worker's name."""
    return worker.partition(_SEPARATOR)[0]


def is_gone(worker: str) -> bool:
    """True where a worker of this host has certainly ended; False where nobody here can tell."""
    if host_of(worker) != host_name() or worker == own_name():
        return False
    path = _lock_file(worker)
    if not path.exists():
        return False
    descriptor = try_lock(path)
    if descriptor is None:
        return False
    os.close(descriptor)
    return True


def clear_old() -> None:
    """Remove lock files that nobody has held for a day, those of commands among them."""
    for path in _folder().glob("*.lock"):
        try:
            old = time.time() - path.stat().st_mtime > FORGET_SECONDS
        except FileNotFoundError:
            continue
        if old and (descriptor := try_lock(path)) is not None:
            path.unlink(missing_ok=True)
            os.close(descriptor)


def forget(worker: str) -> None:
    """Remove the lock file of a worker that is gone and holds nothing any more."""
    _lock_file(worker).unlink(missing_ok=True)


def _lock_file(worker: str) -> Path:
    return _folder() / f"{worker.replace(_SEPARATOR, '-')}.lock"


def _folder() -> Path:
    directory = Path(settings.ENV.home) / "workers"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory
