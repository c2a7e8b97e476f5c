"""Slots of this host: one run per GPU, or ``RUN_SLOTS`` runs where there is none.

A slot is a lock on a file. The kernel gives it back when the worker dies, however it dies. Rows of
``Slot`` only show what the locks say; that a slot is drained is a person's word and stands there.
"""

from __future__ import annotations

import fcntl
import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings

from runs_app.execution.telemetry import gpu_label, gpu_uuids


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
    descriptors: tuple[int, ...]

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
        for descriptor in self.descriptors:
            os.close(descriptor)


@cache
def host_name() -> str:
    """How this host is called in rows and lease names."""
    return socket.gethostname().replace(":", "-")[:180] or "localhost"


def places() -> list[Place]:
    """All places of this host, free or not."""
    if gpus := gpu_uuids():
        return [Place(f"gpu-{uuid}", uuid, gpu_label(uuid)) for uuid in gpus]
    return [Place(f"cpu-{number}", "", "Processor") for number in range(settings.RUN_SLOTS)]


def needed(devices: int) -> int:
    """Places that a run on so many devices takes; processes of a CPU share one."""
    return devices if gpu_uuids() else 1


def acquire(count: int = 1, *, drained: frozenset[str] = frozenset()) -> HeldSlots | None:
    """So many free places that are not drained, or None and nothing is held."""
    found: list[Place] = []
    descriptors: list[int] = []
    for place in places():
        if place.name in drained:
            continue
        descriptor = _lock(place.name)
        if descriptor is None:
            continue
        found.append(place)
        descriptors.append(descriptor)
        if len(found) == count:
            return HeldSlots(tuple(found), tuple(descriptors))
    for descriptor in descriptors:
        os.close(descriptor)
    return None


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
