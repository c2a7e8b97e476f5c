"""The checkpoints of a run as its page lists them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from django.utils.text import slugify

from runs_app.forecasting.events import CHECKPOINT_DIR
from runs_app.models import Checkpoint, TrainingRun

EPOCH_PATH = re.compile(rf"{CHECKPOINT_DIR}/checkpoint-epoch\d+\.ckpt")
"""Of what is saved after a whole epoch and can be pinned."""


@dataclass(frozen=True)
class CheckpointLine:
    """One checkpoint of a run."""

    path: str
    """Relative to the run directory; also its address."""
    name: str
    """File name."""
    key: str
    """Name fit for an element's id."""
    epoch: int
    """Epoch it was saved after."""
    step: int
    """Optimizer step it was saved after."""
    val_loss: float | None
    """Validation loss then."""
    size_bytes: int
    """Size on disk."""
    created_at: datetime
    """When it was saved."""
    is_best: bool
    """True for the lowest validation loss."""
    is_last: bool
    """True for the newest."""
    pinned: bool
    """True where a person keeps it."""
    pinnable: bool
    """False for what is written anew while the run trains."""


def checkpoint_lines(run: TrainingRun) -> list[CheckpointLine]:
    """Newest first; best.ckpt and last.ckpt on top."""
    return [_line(row) for row in run.checkpoints.order_by("-epoch", "-step", "path")]


def _line(row: Checkpoint) -> CheckpointLine:
    return CheckpointLine(
        path=row.path,
        name=PurePosixPath(row.path).name,
        key=slugify(row.path.replace(".", "-").replace("/", "-")),
        epoch=row.epoch,
        step=row.step,
        val_loss=row.val_loss,
        size_bytes=row.size_bytes,
        created_at=row.created_at,
        is_best=row.is_best,
        is_last=row.is_last,
        pinned=row.pinned,
        pinnable=EPOCH_PATH.fullmatch(row.path) is not None,
    )
