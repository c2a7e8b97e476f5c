"""Slots of this host: one run per GPU, or ``RUN_SLOTS`` runs where there is none.

A slot is a lock on a file. The kernel gives it back when the worker dies, however it dies. Rows of
``Slot`` only show what the locks say; that a slot is drained is a person's word and stands there.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings

from runs_app.execution.telemetry import gpu_label, gpu_uuids

TURN_SECONDS = 1.0


@dataclass(frozen=True)
class Place:
    """A place for one run. ``gpu`` is the device's UUID, empty on a machine without a GPU."""

    name: str
    gpu: str
    label: str


@dataclass(frozen=True)
class HeldSlots:
    """Places that are ours until ``release``, or until this process ends."""

    places: tuple[Place, ...]
    locks: ExitStack

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the places."""
        return tuple(place.name for place in self.places)

    @property
    def gpus(self) -> tuple[str, ...]:
        """UUIDs of the devices; empty on a machine without a GPU."""
        return tuple(place.gpu for place in self.places if place.gpu)

    @property
    def devices(self) -> str:
        """Value of CUDA_VISIBLE_DEVICES for the run that has the places."""
        return ",".join(self.gpus)

    def release(self) -> None:
        """Give the places back."""
        self.locks.close()


@cache
def host_name() -> str:
    """How this host is called in rows and lease names."""
    return socket.gethostname().replace(":", "-")[:180] or "localhost"


def places() -> list[Place]:
    """All places of this host, free or not."""
    if gpus := gpu_uuids():
        return [Place(f"gpu-{uuid}", uuid, gpu_label(uuid)) for uuid in gpus]
    return [Place(f"cpu-{number}", "", "Processor") for number in range(settings.RUN_SLOTS)]


def has_gpus() -> bool:
    """Whether a run takes a place per device here; processes of a CPU share one."""
    return bool(gpu_uuids())


def acquire(count: int = 1, *, drained: frozenset[str] = frozenset()) -> HeldSlots | None:
    """So many free places that are not drained, or None and nothing is held."""
    found: list[Place] = []
    with ExitStack() as held, _turn():
        for place in places():
            descriptor = None if place.name in drained else _lock(place.name)
            if descriptor is None:
                continue
            held.callback(os.close, descriptor)
            found.append(place)
            if len(found) == count:
                return HeldSlots(tuple(found), held.pop_all())
    return None


@contextmanager
def _turn() -> Iterator[None]:
    """One taker at a time: of two that need all places each could hold what the other lacks.

    It is not waited for long, for a taker may stand still; out of turn nothing worse happens than
    that both go away with nothing and try again.
    """
    deadline = time.monotonic() + TURN_SECONDS
    while (held := _lock("turn")) is None and time.monotonic() < deadline:
        time.sleep(0.005)
    try:
        yield
    finally:
        if held is not None:
            os.close(held)


def _lock(name: str) -> int | None:
    directory = Path(settings.ENV.home) / "slots"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return try_lock(directory / f"{name}.lock")


def try_lock(path: Path) -> int | None:
    """A descriptor that holds the lock of a file, made if need be; None where another holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
