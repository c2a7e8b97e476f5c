"""Training steps as events; the step itself only puts a record on a queue."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import pytorch_lightning as pl

from runs_app.forecasting.events import StepTaken
from runs_app.forecasting.progress import advance

if TYPE_CHECKING:
    from runs_app.forecasting.training.event_log import EventLog
    from runs_app.forecasting.training.module import ForecastModule
    from runs_app.forecasting.training.record import FitRecord
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
    """Reports the first step and every ``every``-th, counts it, and obeys a stop.

    A step is of ``step_windows`` windows, over all passes and processes.
    """

    def __init__(
        self,
        log: EventLog,
        stop: StopSignal,
        throughput: Throughput,
        *,
        record: FitRecord,
        every: int,
        step_windows: int,
    ) -> None:
        self._log = log
        self._stop = stop
        self._throughput = throughput
        self._record = record
        self._every = every
        self._step_windows = step_windows
        self._first = True

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the signals back from Lightning."""
        self._stop.claim()
        self._first = True

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validation was no training."""
        self._throughput.restart(self._record.step)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: ForecastModule,  # type: ignore[override]
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Report; raise ``StopRequested`` when a stop was asked for: the batch is finished."""
        advance()
        record = self._record
        record.take_step(pl_module.loss)
        if self._first or record.step % self._every == 0:
            self._report(pl_module)
        self._stop.check()

    def _report(self, module: ForecastModule) -> None:
        self._log.check()
        step = self._record.step
        if not self._first:  # the first step is spent on warming up
            self._throughput.measure(step)
        rate = self._throughput.steps_per_second()
        self._log.put(
            StepRecord(
                at=datetime.now(UTC),
                epoch=self._record.epochs + 1,
                step=step,
                loss=module.loss,
                learning_rate=module.learning_rate,
                grad_norm=module.grad_norm,
                samples_per_second=None if rate is None else rate * self._step_windows,
                eta_seconds=self._throughput.eta_seconds(step),
            ).event
        )
        if self._first:
            self._first = False
            self._throughput.restart(step)
