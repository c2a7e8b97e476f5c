"""From an exception to the reason and the sentence a user reads."""

from __future__ import annotations

import errno
import re
from typing import NamedTuple

import torch

from runs_app.forecasting.errors import (
    CheckpointDamaged,
    ConfigInvalid,
    DataInvalid,
    NonFiniteLoss,
    OutOfMemory,
    ResumeImpossible,
    is_disk_full,
)
from runs_app.forecasting.events import Reason
from runs_app.forecasting.training.memory import free_bytes

REFUSED = (
    "can't allocate memory",
    "not enough memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
)
"""How torch words it in a plain RuntimeError."""
UNITS = {"bytes": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4, "PiB": 1024**5}
SIZE = rf"([\d.]+) ({'|'.join(UNITS)})"
ASKED = re.compile(rf"(?:[Tt]ried|Unable) to allocate {SIZE}")
FREE = re.compile(rf"of which {SIZE} is free")


class Failure(NamedTuple):
    """Why a fit failed: a word, a sentence, the fields at fault, and the memory, if it was that."""

    reason: Reason
    message: str
    fields: dict[str, str] = {}
    asked_bytes: int | None = None
    free_bytes: int | None = None


class PeerFailed(Exception):
    """Another process of this fit has failed; ``failure`` is what it said."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.message)


def explain(error: BaseException) -> Failure:
    """The failure that ``error`` is; what is not known is a bug, named by type and message."""
    if isinstance(error, PeerFailed):
        return error.failure
    if isinstance(error, ConfigInvalid):
        return Failure(Reason.CONFIG, str(error), {e.path: e.message for e in error.errors})
    if isinstance(error, ResumeImpossible) and error.field:
        return Failure(Reason.CONFIG, str(error), {error.field: str(error)})
    if isinstance(error, (DataInvalid, ResumeImpossible, CheckpointDamaged)):
        return Failure(Reason.DATA, str(error))
    if isinstance(error, NonFiniteLoss):
        return Failure(Reason.NON_FINITE, str(error))
    if isinstance(error, OutOfMemory):
        fields = {error.field: str(error)} if error.field else {}
        return Failure(
            Reason.OUT_OF_MEMORY, str(error), fields, error.asked_bytes, error.free_bytes
        )
    if _is_out_of_memory(error):
        return _out_of_memory(error)
    if isinstance(error, OSError) and is_disk_full(error):
        return Failure(
            Reason.DISK_FULL,
            "The disk is full. Free some space, or keep fewer checkpoints "
            "(train.keep_checkpoints), and start the run again.",
        )
    return Failure(
        Reason.BUG,
        f"Unexpected {type(error).__name__}: {error}. The console log has the details.",
    )


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and any(text in str(error) for text in REFUSED)


def _out_of_memory(error: BaseException) -> Failure:
    on_gpu = isinstance(error, torch.OutOfMemoryError) or "CU" in str(error)
    asked, free = _bytes(ASKED, str(error)), _bytes(FREE, str(error))
    if free is None and not on_gpu:
        free = free_bytes(torch.device("cpu"))
    return Failure(
        Reason.OUT_OF_MEMORY,
        f"The memory of {'the GPU' if on_gpu else 'this machine'} is not enough"
        f"{_figures(asked, free)}. Lower train.batch_size, model.d_model or model.context_bars, or "
        "choose a smaller preset or fewer candles.",
        asked_bytes=asked,
        free_bytes=free,
    )


def _figures(asked: int | None, free: int | None) -> str:
    said = []
    if asked is not None:
        said.append(f"{size_text(asked)} more were asked for")
    if free is not None:
        said.append(f"{size_text(free)} were free")
    return f": {' and '.join(said)}" if said else ""


def size_text(count: int) -> str:
    """Bytes as ``3.1 GiB``, in the largest unit of which there is one."""
    unit = max((u for u in UNITS if count >= UNITS[u]), key=lambda u: UNITS[u], default="bytes")
    return f"{count:,} bytes" if unit == "bytes" else f"{count / UNITS[unit]:.1f} {unit}"


def _bytes(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.search(text)
    return int(float(found[1]) * UNITS[found[2]]) if found else None
