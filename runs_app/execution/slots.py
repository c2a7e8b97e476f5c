"""Slots of this host: one run per GPU, or ``RUN_SLOTS`` runs where there is none.

A slot is a lock on a file. The kernel gives it back when the worker dies, however it dies.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from runs_app.execution.telemetry import gpu_uuids


@dataclass(frozen=True)
class Slot:
    """A place for one run. ``gpu`` is the device's UUID, None on a machine without a GPU."""

    name: str
    gpu: str | None
    descriptor: int

    @property
    def devices(self) -> str:
        """Value of CUDA_VISIBLE_DEVICES for the run that has the slot."""
        return self.gpu or ""

    def release(self) -> None:
        """Give the slot back."""
        os.close(self.descriptor)


def acquire() -> Slot | None:
    """A free slot of this host, or None."""
    for name, gpu in _places():
        if (descriptor := _lock(name)) is not None:
            return Slot(name, gpu, descriptor)
    return None


def _places() -> list[tuple[str, str | None]]:
    gpus = gpu_uuids()
    if gpus:
        return [(f"gpu-{uuid}", uuid) for uuid in gpus]
    return [(f"cpu-{number}", None) for number in range(settings.RUN_SLOTS)]


def _lock(name: str) -> int | None:
    directory = Path(settings.ENV.home) / "slots"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(directory / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
