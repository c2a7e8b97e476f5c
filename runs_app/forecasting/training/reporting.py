"""Training steps as events; the step itself only puts a record on a queue."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import pytorch_lightning as pl

from runs_app.forecasting.events import StepTaken

if TYPE_CHECKING:
    from runs_app.forecasting.training.event_log import EventLog
    from runs_app.forecasting.training.module import ForecastModule
    from runs_app.forecasting.training.stopping import StopSignal
    from runs_app.forecasting.training.throughput import Throughput


class StepRecord(NamedTuple):
    """A step's figures; the writing thread makes the event of them, which takes far longer."""

    at: datetime
    epoch: int
    step: int
    loss: float
    learning_rate: float
    grad_norm: float
    samples_per_second: float | None
    eta_seconds: float | None

    def event(self) -> StepTaken:
        """The event."""
        return StepTaken(
            at=self.at,
            epoch=self.epoch,
            step=self.step,
            train_loss=self.loss,
            learning_rate=self.learning_rate,
            grad_norm=self.grad_norm,
            samples_per_second=self.samples_per_second,
            eta_seconds=self.eta_seconds,
        )


class StepReporter(pl.Callback):
    """Reports step 1 and every ``every``-th, keeps the epoch's mean loss, and obeys a stop."""

    def __init__(
        self,
        log: EventLog,
        stop: StopSignal,
        throughput: Throughput,
        *,
        every: int,
        batch_size: int,
    ) -> None:
        self._log = log
        self._stop = stop
        self._throughput = throughput
        self._every = every
        self._batch_size = batch_size
        self.step = 0
        """Optimizer steps taken."""
        self._loss_sum = 0.0
        self._epoch_steps = 0

    @property
    def mean_loss(self) -> float:
        """Mean training loss of the epoch's steps so far."""
        return self._loss_sum / max(1, self._epoch_steps)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the signals back from Lightning."""
        self._stop.claim()
        self._throughput.restart(0)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """A new mean."""
        self._loss_sum = 0.0
        self._epoch_steps = 0
        self._throughput.restart(self.step)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: ForecastModule,  # type: ignore[override]
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Report; raise ``StopRequested`` when a stop was asked for: the batch is finished."""
        self.step += 1
        self._epoch_steps += 1
        self._loss_sum += pl_module.loss
        if self.step == 1 or self.step % self._every == 0:
            self._report(pl_module, trainer.current_epoch + 1)
        self._stop.check()

    def _report(self, module: ForecastModule, epoch: int) -> None:
        self._log.check()
        if self.step > 1:  # the first step is spent on warming up
            self._throughput.measure(self.step)
        rate = self._throughput.steps_per_second()
        self._log.put(
            StepRecord(
                at=datetime.now(UTC),
                epoch=epoch,
                step=self.step,
                loss=module.loss,
                learning_rate=module.learning_rate,
                grad_norm=module.grad_norm,
                samples_per_second=None if rate is None else rate * self._batch_size,
                eta_seconds=self._throughput.eta_seconds(self.step),
            ).event
        )
        if self.step == 1:
            self._throughput.restart(1)
