"""The checkpoints of a run as its page lists them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from django.utils.text import slugify

from runs_app.choices import EventKind
from runs_app.forecasting.events import CHECKPOINT_DIR
from runs_app.models import Checkpoint, TrainingRun

EPOCH_PATH = re.compile(rf"{CHECKPOINT_DIR}/checkpoint-epoch\d+\.ckpt")
"""Of what is saved after a whole epoch and can be pinned."""


NOT_FINITE = ("NaN", "Infinity", "-Infinity")
"""How JSON events write the numbers that JSON does not have."""


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
    val_loss: float | str | None
    """Validation loss then; one that is not finite as the word of its event."""
    size_bytes: int
    """Size on disk."""
    sha256: str
    """As it was saved."""
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
    rows = list(run.checkpoints.order_by("-epoch", "-step", "path"))
    words = loss_words(run, rows)
    return [_line(row, words) for row in rows]


def loss_words(run: TrainingRun, rows: Sequence[Checkpoint]) -> dict[str, str]:
    """By path: the validation losses that a column cannot hold, such as ``NaN``."""
    absent = [row.path for row in rows if row.val_loss is None]
    if not absent:
        return {}
    events = run.events.filter(
        kind=EventKind.CHECKPOINT, payload__path__in=absent, payload__val_loss__in=NOT_FINITE
    )
    return {
        payload["path"]: payload["val_loss"]
        for payload in events.order_by("seq").values_list("payload", flat=True)
    }


def _line(row: Checkpoint, words: Mapping[str, str]) -> CheckpointLine:
    return CheckpointLine(
        path=row.path,
        name=PurePosixPath(row.path).name,
        key=slugify(row.path.replace(".", "-").replace("/", "-")),
        epoch=row.epoch,
        step=row.step,
        val_loss=words.get(row.path) if row.val_loss is None else row.val_loss,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        created_at=row.created_at,
        is_best=row.is_best,
        is_last=row.is_last,
        pinned=row.pinned,
        pinnable=EPOCH_PATH.fullmatch(row.path) is not None,
    )
