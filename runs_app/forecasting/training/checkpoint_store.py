"""Checkpoint files: each appears whole or not at all and never changes its content but once.

The best ones by validation loss stay, the last one, and those a user pinned; ``best.ckpt`` and
``last.ckpt`` are links. What is announced is on the disk: a file's event comes after its name, and
the event that it is gone before it goes.
"""

from __future__ import annotations

import hashlib
import io
import logging
from typing import TYPE_CHECKING, Any

import torch

from runs_app.forecasting.errors import ConfigInvalid, FieldError
from runs_app.forecasting.events import CHECKPOINT_DIR, CheckpointRemoved, CheckpointSaved
from runs_app.forecasting.pins import PINS_FILE, PinsUnreadable, read_pins
from runs_app.forecasting.recorded import (
    WRITTEN_FILE,
    Recorded,
    note_written,
    recorded_checkpoints,
)
from runs_app.forecasting.training.checkpoint import load_checkpoint
from runs_app.forecasting.training.durable import write_durably

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runs_app.forecasting.training.event_log import EventLog
    from runs_app.forecasting.training.record import FitRecord

LOG = logging.getLogger(__name__)

BEST, LAST = "best.ckpt", "last.ckpt"
EPOCH_NAME = "checkpoint-epoch{}.ckpt"
STEP_NAME = "checkpoint-step{}.ckpt"
"""Of the middle of an epoch."""
LINKS = (BEST, LAST)


def path_of(name: str) -> str:
    """How the file ``name`` is called in events, pins and pages."""
    return f"{CHECKPOINT_DIR}/{name}"


class CheckpointStore:
    """The folder ``checkpoints`` of one run; every change is announced in its log.

    ``before_naming`` is called right before a file gets its name, and may end the process.
    """

    def __init__(
        self,
        run_dir: Path,
        *,
        keep: int,
        log: EventLog,
        before_naming: Callable[[], None] = lambda: None,
    ) -> None:
        self._run_dir = run_dir
        self._folder = run_dir / CHECKPOINT_DIR
        self._keep = keep
        self._log = log
        self._before_naming = before_naming
        self._losses: dict[int, float] = {}
        """Validation loss by epoch, of the epoch files that are kept or may be removed."""
        self._best: int | None = None
        self._step_file: str | None = None
        self.saved_step = 0
        """Optimizer step of the newest checkpoint; 0 when there is none."""

    @property
    def best_path(self) -> Path:
        """The checkpoint with the lowest validation loss, once there is one."""
        return self._folder / BEST

    def recorded(self) -> Recorded:
        """What the log says of this folder, once everything announced is in it."""
        self._log.flush()
        return recorded_checkpoints(self._run_dir)

    def files(self) -> set[str]:
        """Paths of the checkpoints that lie here, the links left out."""
        found = (p.name for p in self._folder.glob("*.ckpt") if p.is_file() and p.name not in LINKS)
        return {path_of(name) for name in found}

    def adopt(
        self,
        chosen: CheckpointSaved,
        best: CheckpointSaved | None,
        record: FitRecord,
        recorded: Recorded,
    ) -> None:
        """Go on from the file of ``chosen``, of an earlier attempt; what came after it goes.

        ``best``: the file of the best epoch until then. What lies here without being recorded goes
        as well, and what is recorded without lying here is announced as removed.
        """
        present, pinned = self.files(), self._pinned()
        used = {event.path for event in (chosen, best) if event is not None}
        later = {path for path, event in recorded.saved.items() if event.step > record.step}
        steps = {path for path in present if path.startswith(path_of("checkpoint-step"))}
        doomed = (later | steps | (present - recorded.saved.keys())) & present - used
        spared = doomed if pinned is None else doomed & pinned
        self._remove(*sorted((doomed - spared) | (recorded.saved.keys() - present)))
        for event in (best, chosen):
            if event and (later or recorded.saved.get(event.path) != event):
                self._announce_again(event, is_best=event == best, is_last=event == chosen)
        self._losses = {
            epoch: float(row["val_loss"] or 0.0)
            for epoch, row in enumerate(record.history, start=1)
            if (self._folder / EPOCH_NAME.format(epoch)).is_file()
        }
        self._best = record.best_epoch
        self._step_file = _name(chosen) if record.epoch_steps else None
        self.saved_step = record.step
        self._link(_name(chosen), LAST)
        if best is None:
            (self._folder / BEST).unlink(missing_ok=True)
        else:
            self._link(_name(best), BEST)
        self._log.flush()  # another process of this fit may read it next

    def clear(self) -> int:
        """Remove what an earlier attempt left, so that nothing old passes for new; how many.

        Raises ``ConfigInvalid`` where a user pinned one of the files.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        recorded, present, pinned = self.recorded(), self.files(), self._pinned()
        if kept := sorted(present if pinned is None else present & pinned):
            message = (
                f"{PINS_FILE} keeps {', '.join(kept)}, and starting over would remove it; go on "
                f"from the newest checkpoint (--resume), or remove {PINS_FILE}"
            )
            raise ConfigInvalid([FieldError("", message)])
        self._remove(*sorted(present | recorded.saved.keys()))
        for name in LINKS:
            (self._folder / name).unlink(missing_ok=True)
        (self._run_dir / WRITTEN_FILE).unlink(missing_ok=True)
        return len(present)

    def save_epoch(
        self, content: dict[str, Any], *, epoch: int, step: int, val_loss: float, is_best: bool
    ) -> None:
        """Write ``checkpoint-epoch{N}.ckpt``, point last (and best) at it, remove the worst."""
        name = EPOCH_NAME.format(epoch)
        self._write(name, content, epoch=epoch, step=step, val_loss=val_loss, best=is_best)
        self._link(name, LAST)
        if is_best:
            self._link(name, BEST)
            self._best = epoch
        self._losses[epoch] = val_loss
        self._remove_step_file()
        self._prune(epoch)

    def save_last(self, content: dict[str, Any], *, epoch: int, step: int) -> None:
        """Write ``checkpoint-step{N}.ckpt`` in the middle of an epoch, and point last at it."""
        name = STEP_NAME.format(step)
        self._write(name, content, epoch=epoch, step=step, val_loss=None, best=False)
        self._link(name, LAST)
        if self._step_file != name:
            self._remove_step_file()
        self._step_file = name

    def amend_best(self, more: dict[str, Any], record: FitRecord) -> None:
        """Write the best checkpoint anew with ``more`` in it, whole or not at all.

        The one change of a file that is announced already: its new event follows at once, and
        where a kill comes in between, the next attempt announces it.
        """
        name = EPOCH_NAME.format(self._best)
        is_last = (self._folder / LAST).samefile(self._folder / name)
        content = load_checkpoint(self._folder / name) | more
        newest = self.saved_step
        self._write(
            name,
            content,
            epoch=content["epoch"],
            step=content["step"],
            val_loss=record.best_loss,
            best=True,
            last=is_last,
        )
        self.saved_step = newest
        self._link(name, BEST)
        if is_last:
            self._link(name, LAST)

    def _write(
        self,
        name: str,
        content: dict[str, Any],
        *,
        epoch: int,
        step: int,
        val_loss: float | None,
        best: bool,
        last: bool = True,
    ) -> None:
        # Through memory, because torch.save hides a full disk behind a RuntimeError.
        buffer = io.BytesIO()
        torch.save(content, buffer)
        payload = buffer.getbuffer()
        event = CheckpointSaved(
            path=path_of(name),
            epoch=epoch,
            step=step,
            val_loss=val_loss,
            size_bytes=len(payload),
            sha256=hashlib.sha256(payload).hexdigest(),
            is_best=best,
            is_last=last,
        )
        note_written(self._run_dir, event)
        write_durably(self._folder / name, payload, before_naming=self._before_naming)
        self.saved_step = step
        self._log.put(event)
        self._log.flush()

    def _link(self, name: str, alias: str) -> None:
        target, link = self._folder / name, self._folder / alias
        if link.is_file() and link.samefile(target):
            return
        temporary = self._folder / f".{alias}.new"
        temporary.unlink(missing_ok=True)
        temporary.hardlink_to(target)
        temporary.replace(link)

    def _prune(self, last: int) -> None:
        best = sorted(self._losses, key=lambda epoch: (self._losses[epoch], epoch))[: self._keep]
        names = {e: path_of(EPOCH_NAME.format(e)) for e in self._losses if e not in (*best, last)}
        pinned = self._pinned() if names else None
        if pinned is None:
            return
        doomed = [epoch for epoch, path in names.items() if path not in pinned]
        self._remove(*(names[epoch] for epoch in doomed))
        for epoch in doomed:
            del self._losses[epoch]

    def _remove_step_file(self) -> None:
        if self._step_file is not None:
            self._remove(path_of(self._step_file))
            self._step_file = None

    def _remove(self, *paths: str) -> None:
        for path in paths:
            self._log.put(CheckpointRemoved(path=path))
        if paths:
            self._log.flush()
        for path in paths:
            (self._run_dir / path).unlink(missing_ok=True)

    def _pinned(self) -> frozenset[str] | None:
        """None where nobody knows, so that nothing may be removed."""
        try:
            return read_pins(self._run_dir)
        except PinsUnreadable as error:
            LOG.warning("Warning: %s. No checkpoint is removed until it is whole again.", error)
            return None

    def _announce_again(self, event: CheckpointSaved, *, is_best: bool, is_last: bool) -> None:
        """Put the log right: a kill came between name and event, or later files are no more."""
        self._log.put(event.model_copy(update={"is_best": is_best, "is_last": is_last}))


def _name(event: CheckpointSaved) -> str:
    return event.path.rpartition("/")[2]
