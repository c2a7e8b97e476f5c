"""A bar for a person at a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
from tqdm import tqdm

if TYPE_CHECKING:
    from runs_app.forecasting.training.module import ForecastModule


class ProgressBar(pl.Callback):
    """Steps of the running epoch on standard error, with the newest loss a few times a second."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """A new bar."""
        self._bar = tqdm(
            total=int(trainer.num_training_batches),
            desc=f"Epoch {trainer.current_epoch + 1}/{trainer.max_epochs}",
            unit="step",
            leave=False,
            file=sys.stderr,
            dynamic_ncols=True,
        )

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: ForecastModule,  # type: ignore[override]
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """One step further."""
        if self._bar is not None and self._bar.update(1):
            self._bar.set_postfix(loss=f"{pl_module.loss:.4f}", refresh=False)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Make room for the log lines."""
        self._close()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Make room for the message."""
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
