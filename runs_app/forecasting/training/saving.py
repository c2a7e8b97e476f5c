"""A checkpoint every few minutes: a fit that is killed loses little."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl

if TYPE_CHECKING:
    from runs_app.forecasting.training.checkpoint import CheckpointWriter
    from runs_app.forecasting.training.checkpoint_store import CheckpointStore
    from runs_app.forecasting.training.record import FitRecord
    from runs_app.forecasting.training.throughput import Throughput


class PeriodicSaver(pl.Callback):
    """Saves after the step at which ``minutes`` have gone by since the last checkpoint."""

    def __init__(
        self,
        minutes: float,
        *,
        store: CheckpointStore,
        writer: CheckpointWriter,
        record: FitRecord,
        throughput: Throughput,
    ) -> None:
        self._seconds = minutes * 60.0
        self._store = store
        self._writer = writer
        self._record = record
        self._throughput = throughput
        self._due = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The epoch before has been saved, or this is the start."""
        self._due = time.monotonic() + self._seconds

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Save where it is time to."""
        if time.monotonic() < self._due:
            return
        self.save()
        self._throughput.restart(self._record.step)
        self._due = time.monotonic() + self._seconds

    def save(self) -> None:
        """Write a checkpoint as of the last step taken."""
        record = self._record
        epoch = record.epochs + (1 if record.epoch_steps else 0)
        self._store.save_last(self._writer.content(), epoch=epoch, step=record.step)
