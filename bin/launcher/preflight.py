"""What must be so before anything starts. Standard library only.

Each thing that is not so is one sentence: a bad setting, a home in use, a taken port, a full disk.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from pathlib import Path

from aistempre import env as environment
from launcher.install import InstallFailed, need_room

HOME_BYTES = 200_000_000
"""Room for the database and the logs of a first session."""

_held: list[int] = []


class NotStarted(Exception):
    """``str(error)`` is the sentence to show."""


def check() -> environment.Environment:
    """The environment, with the home made and held by this process; raises ``NotStarted``."""
    try:
        env = environment.read()
        environment.make_private_directory(env.home)
        environment.make_private_directory(env.run_directory)
        environment.make_private_directory(env.valkey_socket.parent)
        for folder in (env.home / "log", env.data_root, env.media_root / "runs"):
            folder.mkdir(parents=True, exist_ok=True)
        need_room(env.home, HOME_BYTES)
    except (ValueError, InstallFailed) as fault:
        raise NotStarted(str(fault)) from fault
    except OSError as error:
        raise NotStarted(f"{error.filename} cannot be made or used: {error.strerror}.") from error
    _hold(env.home)
    _probe(env.port)
    return env


def _hold(home: Path) -> None:
    """Hold ``home`` for as long as this process lives; the kernel lets go of it at its end."""
    descriptor = os.open(home / "start.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 20).decode() or "unknown"
        os.close(descriptor)
        raise NotStarted(
            f"AiStemPre already runs from {home} (process {holder}); "
            "stop it first, or set AISTEMPRE_HOME and PORT to start a second one."
        ) from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    _held.append(descriptor)


def _probe(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EACCES:
                reason = "needs a privileged user"
            elif error.errno == errno.EADDRINUSE:
                reason = "is taken by another program"
            else:
                reason = f"cannot be used ({error.strerror})"
            raise NotStarted(f"Port {port} {reason}; set PORT to another one.") from error
