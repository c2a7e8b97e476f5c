"""The end of an epoch: validation, its event, the checkpoint, and the question whether to go on."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING

import pytorch_lightning as pl

from runs_app.forecasting.errors import NonFiniteLoss
from runs_app.forecasting.events import EpochFinished
from runs_app.forecasting.training.console import epoch_line

if TYPE_CHECKING:
    from torch import Tensor

    from runs_app.forecasting.config.schema import TrainConfig
    from runs_app.forecasting.training.checkpoint import CheckpointWriter
    from runs_app.forecasting.training.checkpoint_store import CheckpointStore
    from runs_app.forecasting.training.evaluation import Evaluator
    from runs_app.forecasting.training.event_log import EventLog
    from runs_app.forecasting.training.module import ForecastModule
    from runs_app.forecasting.training.record import FitRecord
    from runs_app.forecasting.training.throughput import Throughput

LOG = logging.getLogger(__name__)


class EpochCloser(pl.Callback):
    """Validates, reports, saves and stops early, in this order."""

    def __init__(
        self,
        config: TrainConfig,
        *,
        evaluator: Evaluator,
        rows: Tensor,
        log: EventLog,
        store: CheckpointStore,
        writer: CheckpointWriter,
        throughput: Throughput,
        record: FitRecord,
    ) -> None:
        self._config = config
        self._evaluator = evaluator
        self._rows = rows
        self._log = log
        self._store = store
        self._writer = writer
        self._throughput = throughput
        self._record = record
        self._started = time.perf_counter()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the epoch's clock."""
        self._started = time.perf_counter()

    def on_train_epoch_end(
        self,
        trainer: pl.Trainer,
        pl_module: ForecastModule,  # type: ignore[override]
    ) -> None:
        """Raises ``StopRequested`` when a stop was asked for during validation."""
        self._throughput.measure(self._record.step)
        epoch = self._record.epochs + 1
        metrics = self._validate(pl_module, epoch)
        val_loss = float(metrics["val_loss"] or 0.0)
        event = EpochFinished(
            epoch=epoch,
            step=self._record.step,
            train_loss=self._record.mean_loss,
            learning_rate=pl_module.learning_rate,
            metrics=metrics,
            seconds=time.perf_counter() - self._started,
            eta_seconds=self._throughput.eta_seconds(self._record.step),
        )
        self._log.put(event)
        row = event.model_dump(include={"epoch", "step", "train_loss", "learning_rate", "seconds"})
        is_best = self._record.add({**row, **metrics}, val_loss=val_loss)
        LOG.info(epoch_line(event, max_epochs=self._config.max_epochs, is_best=is_best))
        patience = self._config.early_stopping_patience
        if patience and self._record.epochs_without_gain >= patience:
            self._record.stopped_early = True
            trainer.should_stop = True
        if is_best or self._is_due(epoch) or self._record.stopped_early:
            self._save(epoch, metrics, val_loss, is_best=is_best)
        self._log.check()

    def _validate(self, module: ForecastModule, epoch: int) -> dict[str, float | None]:
        began = time.perf_counter()
        self._evaluator.settle(module.network, self._rows)
        forecast = self._evaluator.forecast(module.network, self._rows)
        scores = self._evaluator.score(forecast, self._rows)
        self._throughput.seconds_per_validation = time.perf_counter() - began
        loss = scores["loss"]
        if loss is None or not math.isfinite(loss):
            raise NonFiniteLoss(
                f"The validation loss became {loss} after epoch {epoch}. Lower the learning rate "
                "(train.learning_rate), or look for extreme candles in the validation part."
            )
        return {f"val_{name}": value for name, value in scores.items()}

    def _is_due(self, epoch: int) -> bool:
        every = self._config.checkpoint_every_epochs
        return epoch % every == 0 or epoch == self._config.max_epochs

    def _save(
        self, epoch: int, metrics: dict[str, float | None], val_loss: float, *, is_best: bool
    ) -> None:
        step = self._record.step
        content = self._writer.content(metrics)
        self._store.save_epoch(content, epoch=epoch, step=step, val_loss=val_loss, is_best=is_best)
