"""Checkpoint files: each appears whole or not at all, the old ones go, the best one stays."""

from __future__ import annotations

import hashlib
import io
import os
from typing import TYPE_CHECKING, Any

import torch

from runs_app.forecasting.events import CHECKPOINT_DIR, CheckpointRemoved, CheckpointSaved

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runs_app.forecasting.events import Event

BEST, LAST = "best.ckpt", "last.ckpt"


class CheckpointStore:
    """The folder ``checkpoints`` of one run; every change is announced as an event."""

    def __init__(self, run_dir: Path, *, keep: int, announce: Callable[[Event], None]) -> None:
        self._folder = run_dir / CHECKPOINT_DIR
        self._keep = keep
        self._announce = announce
        self._epochs: list[int] = []
        self._best: int | None = None
        self.saved_step = 0
        """Optimizer step of the newest checkpoint; 0 when there is none."""

    @property
    def best_path(self) -> Path:
        """The checkpoint with the lowest validation loss, once there is one."""
        return self._folder / BEST

    @property
    def has_best(self) -> bool:
        """Whether an epoch of this fit has been saved as the best."""
        return self._best is not None

    def clear(self) -> int:
        """Remove what an earlier attempt left, so that nothing old passes for new; how many."""
        self._folder.mkdir(parents=True, exist_ok=True)
        names = sorted(path.name for path in self._folder.iterdir() if path.is_file())
        for name in names:
            (self._folder / name).unlink()
            if name.endswith(".ckpt") and name not in (BEST, LAST):
                self._announce(CheckpointRemoved(path=f"{CHECKPOINT_DIR}/{name}"))
        return len(names)

    def save_epoch(
        self, content: dict[str, Any], *, epoch: int, step: int, val_loss: float, is_best: bool
    ) -> None:
        """Write ``checkpoint-epoch{N}.ckpt``, point last (and best) at it, remove the oldest."""
        name = f"checkpoint-epoch{epoch}.ckpt"
        event = self._write(name, content, epoch=epoch, step=step, val_loss=val_loss, best=is_best)
        self._link(name, LAST)
        if is_best:
            self._link(name, BEST)
            self._best = epoch
        self._announce(event)
        self._epochs.append(epoch)
        self._prune()

    def save_last(self, content: dict[str, Any], *, epoch: int, step: int) -> None:
        """Write ``last.ckpt`` alone: a fit that stops in the middle of an epoch."""
        self._announce(
            self._write(LAST, content, epoch=epoch, step=step, val_loss=None, best=False)
        )

    def _write(
        self,
        name: str,
        content: dict[str, Any],
        *,
        epoch: int,
        step: int,
        val_loss: float | None,
        best: bool,
    ) -> CheckpointSaved:
        # Through memory, because torch.save hides a full disk behind a RuntimeError.
        buffer = io.BytesIO()
        torch.save(content, buffer)
        payload = buffer.getbuffer()
        _write_atomically(self._folder / name, payload)
        self.saved_step = step
        return CheckpointSaved(
            path=f"{CHECKPOINT_DIR}/{name}",
            epoch=epoch,
            step=step,
            val_loss=val_loss,
            size_bytes=len(payload),
            sha256=hashlib.sha256(payload).hexdigest(),
            is_best=best,
        )

    def _link(self, name: str, alias: str) -> None:
        temporary = self._folder / f".{alias}.new"
        temporary.unlink(missing_ok=True)
        temporary.hardlink_to(self._folder / name)
        temporary.replace(self._folder / alias)

    def _prune(self) -> None:
        newest = self._epochs[-self._keep :]
        for epoch in [e for e in self._epochs if e not in newest and e != self._best]:
            name = f"checkpoint-epoch{epoch}.ckpt"
            (self._folder / name).unlink(missing_ok=True)
            self._epochs.remove(epoch)
            self._announce(CheckpointRemoved(path=f"{CHECKPOINT_DIR}/{name}"))


def _write_atomically(path: Path, payload: memoryview) -> None:
    temporary = path.with_name(f".{path.name}.new")
    try:
        with temporary.open("wb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
