"""Checkpoint files: each appears whole or not at all, the old ones go, the best one stays."""

from __future__ import annotations

import hashlib
import io
import os
import re
from typing import TYPE_CHECKING, Any

import torch

from runs_app.forecasting.events import CHECKPOINT_DIR, CheckpointRemoved, CheckpointSaved

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runs_app.forecasting.events import Event
    from runs_app.forecasting.training.record import FitRecord

BEST, LAST = "best.ckpt", "last.ckpt"
EPOCH_NAME = "checkpoint-epoch{}.ckpt"
EPOCH_FILE = re.compile(r"checkpoint-epoch([0-9]+)\.ckpt")


class CheckpointStore:
    """The folder ``checkpoints`` of one run; every change is announced as an event."""

    def __init__(self, run_dir: Path, *, keep: int, announce: Callable[[Event], None]) -> None:
        self._folder = run_dir / CHECKPOINT_DIR
        self._keep = keep
        self._announce = announce
        self._epochs: list[int] = []
        self._best: int | None = None
        self._last_alone = False
        self.saved_step = 0
        """Optimizer step of the newest checkpoint; 0 when there is none."""

    def candidates(self) -> list[Path]:
        """Files to continue from, the newest first: ``last.ckpt``, then the epochs backwards."""
        epochs = sorted(self._epoch_files().items(), reverse=True)
        last = self._folder / LAST
        files = [last] if last.is_file() else []
        return files + [path for _, path in epochs if not files or not path.samefile(last)]

    def best_of(self, record: FitRecord) -> Path | None:
        """The file of the best epoch of ``record``; None where it has none or the file is gone."""
        path = self._epoch_files().get(record.best_epoch or 0)
        return path if path is not None and path.is_file() else None

    def adopt(self, path: Path, record: FitRecord) -> None:
        """Go on from the checkpoint ``path`` of an earlier attempt; what came after it goes."""
        self.saved_step = record.step
        self._epochs = []
        for epoch, file in self._epoch_files().items():
            if epoch > record.epochs:
                self._remove(file.name)
            else:
                self._epochs.append(epoch)
        self._epochs.sort()
        self._best = record.best_epoch
        if path.name != LAST:
            self._link(path.name, LAST)
        if self._best is None:
            (self._folder / BEST).unlink(missing_ok=True)
        else:
            self._link(EPOCH_NAME.format(self._best), BEST)
        self._last_alone = not any(
            file.samefile(self._folder / LAST) for file in self._epoch_files().values()
        )

    def _epoch_files(self) -> dict[int, Path]:
        found = (EPOCH_FILE.fullmatch(path.name) for path in self._folder.glob("*.ckpt"))
        return {int(match[1]): self._folder / match[0] for match in found if match}

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
        name = EPOCH_NAME.format(epoch)
        event = self._write(name, content, epoch=epoch, step=step, val_loss=val_loss, best=is_best)
        self._link(name, LAST)
        if self._last_alone:  # the file of the middle of this epoch, which is no more
            self._last_alone = False
            self._announce(CheckpointRemoved(path=f"{CHECKPOINT_DIR}/{LAST}"))
        if is_best:
            self._link(name, BEST)
            self._best = epoch
        self._announce(event)
        self._epochs.append(epoch)
        self._prune()

    def amend_best(self, more: dict[str, Any], record: FitRecord) -> None:
        """Write the best checkpoint anew with ``more`` in it, whole or not at all."""
        name = EPOCH_NAME.format(self._best)
        is_last = (self._folder / LAST).samefile(self._folder / name)
        content = torch.load(self._folder / name, map_location="cpu", weights_only=True) | more
        newest = self.saved_step
        event = self._write(
            name,
            content,
            epoch=content["epoch"],
            step=content["step"],
            val_loss=record.best_loss,
            best=True,
        )
        self.saved_step = newest
        self._link(name, BEST)
        if is_last:
            self._link(name, LAST)
        self._announce(event.model_copy(update={"is_last": is_last}))

    def save_last(self, content: dict[str, Any], *, epoch: int, step: int) -> None:
        """Write ``last.ckpt`` alone: the middle of an epoch."""
        event = self._write(LAST, content, epoch=epoch, step=step, val_loss=None, best=False)
        self._last_alone = True
        self._announce(event)

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
            self._remove(EPOCH_NAME.format(epoch))
            self._epochs.remove(epoch)

    def _remove(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)
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
