"""Steps and ends of epochs on which the processes of a fit agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl

from runs_app.forecasting.training.event_log import EventLog

if TYPE_CHECKING:
    from runs_app.forecasting.training.epochs import EpochCloser
    from runs_app.forecasting.training.event_log import Entry
    from runs_app.forecasting.training.module import ForecastModule
    from runs_app.forecasting.training.ranks import Ranks
    from runs_app.forecasting.training.record import FitRecord
    from runs_app.forecasting.training.stopping import StopSignal


class SilentLog(EventLog):
    """Of a process that does not lead: nothing is written."""

    def __init__(self) -> None:
        pass

    def put(self, entry: Entry) -> None:
        """Forget it."""

    def sync(self) -> None:
        """There is nothing to bring to the disk."""

    def flush(self) -> None:
        """There is nothing to wait for."""

    def check(self) -> None:
        """Nothing can have failed."""

    def close(self) -> None:
        """Nothing is open."""


class StepFollower(pl.Callback):
    """Counts the steps where nobody reports them, and obeys an agreed stop."""

    def __init__(self, stop: StopSignal, record: FitRecord) -> None:
        self._stop = stop
        self._record = record

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the signals back from Lightning."""
        self._stop.claim()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: ForecastModule,  # type: ignore[override]
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Raises ``StopRequested`` where all have agreed to stop."""
        self._record.take_step(pl_module.loss)
        self._stop.check()


class SharedEpochEnd(pl.Callback):
    """The first process ends the epoch; the others wait, and know afterwards what it knows."""

    def __init__(self, closer: EpochCloser, ranks: Ranks, record: FitRecord) -> None:
        self._closer = closer
        self._ranks = ranks
        self._record = record

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the epoch's clock."""
        self._closer.on_train_epoch_start(trainer, pl_module)

    def on_train_epoch_end(
        self,
        trainer: pl.Trainer,
        pl_module: ForecastModule,  # type: ignore[override]
    ) -> None:
        """Raises in all processes what the first one raises: see ``Ranks.from_first``."""

        def close() -> dict[str, Any]:
            self._closer.on_train_epoch_end(trainer, pl_module)
            return self._record.state()

        state = self._ranks.from_first(close)
        if not self._ranks.leads:
            self._record.load(state)
            trainer.should_stop = self._record.stopped_early
