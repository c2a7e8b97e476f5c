"""Find a checkpoint of a run by what a person calls it; pin it, so that it is kept."""

from __future__ import annotations

from django.db import transaction

from runs_app.checkpoint_lines import EPOCH_PATH
from runs_app.errors import CheckpointNotFound, CheckpointUnusable
from runs_app.execution import run_directory
from runs_app.forecasting.events import CHECKPOINT_DIR
from runs_app.forecasting.pins import write_pins
from runs_app.models import Checkpoint, TrainingRun
from runs_app.queries import get_run

ROLES = {"best": "is_best", "last": "is_last"}
"""What stands for a checkpoint that changes: word, column."""


def find_checkpoint(run: TrainingRun, name: str = "") -> Checkpoint:
    """The checkpoint of this file name or path; ``best`` and ``last`` name what they stand for.

    Without a name it is the best, else the last. Raises ``CheckpointNotFound``.
    """
    rows = run.checkpoints.order_by("-step", "-epoch")
    found: Checkpoint | None
    if not name:
        found = rows.filter(is_best=True).first() or rows.first()
        if found is None:
            raise CheckpointNotFound(f"Run {run.uid} has no checkpoint yet.")
        return found
    path = name if "/" in name else f"{CHECKPOINT_DIR}/{name}"
    sensible = name.isprintable() and len(name) <= 200  # PostgreSQL cannot even be asked for a NUL
    found = rows.filter(path=path).first() if sensible else None
    role = ROLES.get(name.removesuffix(".ckpt"))
    if found is None and role:
        found = rows.filter(**{role: True}).first()
    if found is None:
        shown = name if sensible else "of this name"
        raise CheckpointNotFound(
            f"Run {run.uid} has no checkpoint {shown}; it may have been removed to keep to the "
            "number of checkpoints kept."
        )
    return found


def pin_checkpoint(uid: str, name: str, *, pinned: bool) -> Checkpoint:
    """Keep a checkpoint of a whole epoch whatever its score, or let it go again.

    The run may be live. The row and the file that the trainer reads agree. ``best`` and ``last``
    pin the epoch behind them. Raises ``RunNotFound``, ``CheckpointNotFound``,
    ``CheckpointUnusable`` and ``OSError``.
    """
    with transaction.atomic():
        # One after another, so that the newest list is the one that is written last.
        run = TrainingRun.objects.select_for_update().get(pk=get_run(uid).pk)
        row = find_checkpoint(run, name)
        _check_pinnable(run, row)
        directory = run_directory.path_of(run.uid)
        run.checkpoints.filter(pk=row.pk).update(pinned=pinned)
        row.pinned = pinned
        write_pins(directory, run.checkpoints.filter(pinned=True).values_list("path", flat=True))
        # Looked for after the list was written: what the trainer removes later, it reads it for.
        if pinned and not (directory / row.path).is_file():
            write_pins(
                directory,
                run.checkpoints.filter(pinned=True)
                .exclude(pk=row.pk)
                .values_list("path", flat=True),
            )
            raise CheckpointUnusable(
                f"The file of {row.path} was removed a moment ago, so it cannot be pinned. Pin a "
                "newer one, or raise the number of checkpoints kept."
            )
    return row


def _check_pinnable(run: TrainingRun, row: Checkpoint) -> None:
    if run.trashed_at is not None:
        raise CheckpointUnusable(f"Run {run.uid} is in the trash; restore it first.")
    if not EPOCH_PATH.fullmatch(row.path):
        raise CheckpointUnusable(
            f"{row.path.rpartition('/')[2]} is from the middle of an epoch and goes when that "
            "ends, so it cannot be pinned; pin the checkpoint of a whole epoch."
        )
