"""From an exception to the reason and the sentence a user reads."""

from __future__ import annotations

import errno
from typing import NamedTuple

import torch

from runs_app.forecasting.errors import ConfigInvalid, DataInvalid, NonFiniteLoss, OutOfMemory
from runs_app.forecasting.events import Reason

FULL = (errno.ENOSPC, errno.EDQUOT)
CPU_ALLOCATION = ("can't allocate memory", "not enough memory")
"""How torch's CPU allocator words it in a plain RuntimeError."""


class Failure(NamedTuple):
    """Why a fit failed: a word, a sentence, and the fields at fault."""

    reason: Reason
    message: str
    fields: dict[str, str]


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
    if isinstance(error, DataInvalid):
        return Failure(Reason.DATA, str(error), {})
    if isinstance(error, NonFiniteLoss):
        return Failure(Reason.NON_FINITE, str(error), {})
    if isinstance(error, OutOfMemory):
        return Failure(Reason.OUT_OF_MEMORY, str(error), {})
    if _is_out_of_memory(error):
        return Failure(
            Reason.OUT_OF_MEMORY,
            "The memory of the device is not enough. Lower train.batch_size, model.d_model or "
            "model.context_bars, or choose a smaller preset.",
            {},
        )
    if isinstance(error, OSError) and error.errno in FULL:
        return Failure(
            Reason.DISK_FULL,
            "The disk is full. Free some space, or keep fewer checkpoints "
            "(train.keep_checkpoints), and start the run again.",
            {},
        )
    return Failure(
        Reason.BUG,
        f"Unexpected {type(error).__name__}: {error}. The console log has the details.",
        {},
    )


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in CPU_ALLOCATION)
