"""A fit's parts, made from its configuration and its data."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment

from runs_app.forecasting.baselines.reference import Baselines, fit_baselines
from runs_app.forecasting.config.timeframes import duration_seconds
from runs_app.forecasting.network.forecaster import Forecaster
from runs_app.forecasting.network.heads import StudentTHead
from runs_app.forecasting.training.agreement import SharedEpochEnd, StepFollower
from runs_app.forecasting.training.checkpoint import CheckpointWriter
from runs_app.forecasting.training.checkpoint_store import CheckpointStore
from runs_app.forecasting.training.epochs import EpochCloser
from runs_app.forecasting.training.evaluation import Evaluator
from runs_app.forecasting.training.feed import DecisionTable, TrainingFeed
from runs_app.forecasting.training.group import Group
from runs_app.forecasting.training.module import ForecastModule
from runs_app.forecasting.training.origin import origin_of
from runs_app.forecasting.training.pieces import PiecewiseFeed, PiecewiseModule
from runs_app.forecasting.training.progress_bar import ProgressBar
from runs_app.forecasting.training.ranks import ALONE, Ranks
from runs_app.forecasting.training.record import FitRecord
from runs_app.forecasting.training.reporting import StepReporter
from runs_app.forecasting.training.saving import PeriodicSaver
from runs_app.forecasting.training.sharing import AgreedStop, SharedModule
from runs_app.forecasting.training.throughput import Throughput

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from runs_app.forecasting.config.schema import RunConfig
    from runs_app.forecasting.data.prepare import PreparedData
    from runs_app.forecasting.training.event_log import EventLog
    from runs_app.forecasting.training.stopping import StopSignal

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fit:
    """Everything one fit works with."""

    run_dir: Path
    config: RunConfig
    data: PreparedData
    baselines: Baselines
    device: torch.device
    log: EventLog
    stop: StopSignal
    ranks: Ranks
    table: DecisionTable
    feed: TrainingFeed
    module: ForecastModule
    evaluator: Evaluator
    store: CheckpointStore
    writer: CheckpointWriter
    saver: PeriodicSaver
    record: FitRecord
    throughput: Throughput
    callbacks: tuple[pl.Callback, ...]

    @property
    def parameters(self) -> int:
        """Number of trainable numbers."""
        return sum(parameter.numel() for parameter in self.module.network.parameters())

    def rows(self, split: str) -> Tensor:
        """Indices [n] of the decisions of ``train``, ``validation`` or ``test``."""
        return self.data.splits[split]


def assemble(
    run_dir: Path,
    config: RunConfig,
    data: PreparedData,
    *,
    device: torch.device,
    log: EventLog,
    stop: StopSignal,
    progress: bool,
    before_naming: Callable[[], None] = lambda: None,
    ranks: Ranks = ALONE,
) -> Fit:
    """Put the parts together. Seeds torch, so that equal configurations give equal weights.

    ``before_naming`` is called before a checkpoint gets its name, and may end the process.
    """
    torch.manual_seed(config.train.seed)
    table = DecisionTable.on_device(data, context_bars=config.model.context_bars, device=device)
    train = config.train
    record = FitRecord()
    agreed = AgreedStop(stop) if ranks.size > 1 else stop
    feed = _feed(config, data, table, ranks)
    module = _module(config, data, table, len(feed), record, ranks, agreed)
    evaluator = Evaluator(config, table, stop)
    store = CheckpointStore(
        run_dir, keep=train.keep_checkpoints, log=log, before_naming=before_naming
    )
    validation, test = len(data.splits["validation"]), len(data.splits["test"])
    throughput = Throughput(len(feed), train.max_epochs, (validation + test) / validation)
    writer = CheckpointWriter(
        config, data, feed, module, record, throughput, table.target_scale,
        origin_of(data, device, config),
    )  # fmt: skip
    steps = StepReporter(
        log,
        agreed,
        throughput,
        record=record,
        every=train.log_every_steps,
        step_windows=train.windows_per_step,
    )
    saver = PeriodicSaver(
        train.checkpoint_every_minutes,
        store=store,
        writer=writer,
        record=record,
        throughput=throughput,
    )
    closer = EpochCloser(
        train,
        evaluator=evaluator,
        rows=data.splits["validation"],
        log=log,
        store=store,
        writer=writer,
        throughput=throughput,
        record=record,
    )
    callbacks: tuple[pl.Callback, ...] = (steps, saver, closer)
    if ranks.size > 1:
        ending = SharedEpochEnd(closer, ranks, record)
        callbacks = (
            (steps, saver, ending) if ranks.leads else (StepFollower(agreed, record), ending)
        )
    if progress:
        callbacks = (ProgressBar(), *callbacks)
    return Fit(
        run_dir, config, data, fit_baselines(data, next_bars=config.horizons.next_bars), device,
        log, stop, ranks, table, feed, module, evaluator, store, writer, saver, record, throughput,
        callbacks,
    )  # fmt: skip


def _feed(
    config: RunConfig, data: PreparedData, table: DecisionTable, ranks: Ranks
) -> TrainingFeed:
    train, rows = config.train, data.splits["train"]
    if train.accumulation * ranks.size > 1:
        return PiecewiseFeed(table, rows, train, rank=ranks.rank, ranks=ranks.size)
    return TrainingFeed(
        table,
        rows,
        batch_size=train.batch_size,
        seed=train.seed,
        max_steps=train.steps_per_epoch,
    )


def _module(
    config: RunConfig,
    data: PreparedData,
    table: DecisionTable,
    steps: int,
    record: FitRecord,
    ranks: Ranks,
    stop: StopSignal,
) -> ForecastModule:
    """The module that takes a step the way that ``_feed`` gives it; ``steps``: of one epoch."""
    network = build_network(config, data, table)
    named: dict[str, Any] = {
        "record": record,
        "planned_steps": steps * config.train.max_epochs,
        "decision_time": data.decision_time,
    }
    if isinstance(ranks, Group) and isinstance(stop, AgreedStop):
        return SharedModule(config, network, ranks=ranks, stop=stop, **named)
    if config.train.accumulation > 1:
        return PiecewiseModule(config, network, **named)
    return ForecastModule(config, network, **named)


def build_network(config: RunConfig, data: PreparedData, table: DecisionTable) -> Forecaster:
    """A new network that starts from what is simple to know about the training part.

    Its scale starts at the likeliest mixture of volatilities, its directions at their shares.
    """
    network = Forecaster(
        config.model, config.loss.kind, features=[len(names) for names in data.feature_names]
    )
    train = data.splits["train"]
    index = train.to(table.device)
    df = network.volatility.start_from(
        table.log_volatility[index], table.target[index], kind=config.loss.kind
    )
    LOG.info("The variance starts at %s", network.volatility.in_words())
    if isinstance(network.distribution, StudentTHead) and df is not None:
        network.distribution.start_from(df)
    seconds = len(train) * duration_seconds(config.data.decision_timeframe)
    for head, label, horizon in (
        (network.short, data.short_label, config.horizons.short),
        (network.long, data.long_label, config.horizons.long),
    ):
        counts = torch.bincount(label[train], minlength=3)
        outcomes = seconds / duration_seconds(horizon)  # labels that do not overlap
        head.start_from(counts / counts.sum(), outcomes=outcomes)
    return network


def build_trainer(fit: Fit) -> pl.Trainer:
    """Lightning without what this product does itself: precision, logging, checkpoints, bars,
    validation. It goes on after the epochs that are finished."""
    trainer = pl.Trainer(
        # Named, since Lightning else looks for a cluster: it reads a scheduler's variables, and
        # where mpi4py is installed it starts MPI, which ends a process that has none.
        plugins=[LightningEnvironment()],
        accelerator="gpu" if fit.device.type == "cuda" else "cpu",
        devices=1 if fit.device.index is None else [fit.device.index],
        max_epochs=fit.config.train.max_epochs,
        callbacks=list(fit.callbacks),
        default_root_dir=fit.run_dir,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    # Nothing is logged through Lightning, so its logger has nothing to do at every step.
    for hook in ("on_batch_start", "on_batch_end", "update_train_step_metrics"):
        setattr(trainer._logger_connector, hook, _nothing)
    done = fit.record.epochs
    trainer.fit_loop.epoch_progress.current.load_state_dict({"processed": done, "completed": done})
    return trainer


def _nothing(*_: object) -> None:
    pass
