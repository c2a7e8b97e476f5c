"""The one door to training: a run directory in; events, checkpoints, scores and predictions out."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from typing import TYPE_CHECKING

from runs_app.forecasting.config.document import from_yaml
from runs_app.forecasting.data.prepare import prepare
from runs_app.forecasting.errors import ConfigInvalid, FieldError
from runs_app.forecasting.events import (
    CONFIG_FILE,
    EVENTS_FILE,
    EXIT_CODES,
    METRICS_FILE,
    PREDICTIONS_FILE,
    REPORT_FILE,
    BaselinesScored,
    FitFailed,
    FitFinished,
    FitStarted,
    Reason,
)
from runs_app.forecasting.training.assembly import Fit, assemble
from runs_app.forecasting.training.compilation import compiled
from runs_app.forecasting.training.console import printing
from runs_app.forecasting.training.device import (
    choose_device,
    describe_device,
    use_available_cores,
)
from runs_app.forecasting.training.event_log import EventLog
from runs_app.forecasting.training.failures import explain
from runs_app.forecasting.training.memory import keep_freed_memory
from runs_app.forecasting.training.optimizer import warmup_length
from runs_app.forecasting.training.outcome import cancel, complete
from runs_app.forecasting.training.ranks import ALONE, Ranks
from runs_app.forecasting.training.resume import Resumption, resume
from runs_app.forecasting.training.rivals import log_baselines, score_baselines
from runs_app.forecasting.training.rollback import train
from runs_app.forecasting.training.stopping import StopRequested

if TYPE_CHECKING:
    from pathlib import Path

    from runs_app.forecasting.config.schema import RunConfig
    from runs_app.forecasting.training.stopping import StopSignal

LOG = logging.getLogger(__name__)


def run(
    run_dir: Path,
    data_root: Path,
    *,
    progress: bool,
    resuming: bool = False,
    ranks: Ranks = ALONE,
) -> int:
    """Train from ``run_dir/config.yaml`` alone and return the exit status for how it ended.

    ``data_root`` is where a relative ``data.source`` is looked up. With ``resuming`` an earlier
    attempt's newest checkpoint is taken up; without one the fit starts over. The last event is
    always ``FitFinished`` or ``FitFailed``. Nothing is raised but what ends the interpreter itself.
    Where this process is one of several, it is the first of ``ranks``.
    """
    stop = ranks.new_stop()
    with printing(), stop.listening():
        try:
            log = EventLog(run_dir / EVENTS_FILE)
        except OSError as error:
            LOG.error("The run directory %s cannot be written: %s", run_dir, error.strerror)
            return EXIT_CODES[explain(error).reason]
        reason = _run_logged(
            run_dir, data_root, log, stop, progress=progress, resuming=resuming, ranks=ranks
        )
    return EXIT_CODES[reason]


def _run_logged(
    run_dir: Path,
    data_root: Path,
    log: EventLog,
    stop: StopSignal,
    *,
    progress: bool,
    resuming: bool,
    ranks: Ranks,
) -> Reason:
    event: FitFinished | FitFailed
    try:
        event = _fit(
            run_dir, data_root, log, stop, progress=progress, resuming=resuming, ranks=ranks
        )
    except (StopRequested, KeyboardInterrupt):
        event = FitFinished(
            reason=Reason.CANCELLED, message="Cancelled on request before training began."
        )
        LOG.info(event.message)
    except Exception as error:  # noqa: BLE001 - every fault becomes a reason and a sentence
        event = _failed(error)
    log.put(event)
    try:
        log.close()
    except Exception as error:  # noqa: BLE001 - as above, and there is no log left to tell it to
        return _failed(error).reason
    return event.reason


def _failed(error: Exception) -> FitFailed:
    traceback.print_exception(error, file=sys.stderr)
    failure = explain(error)
    LOG.error("Failed: %s", failure.message)
    return FitFailed(reason=failure.reason, message=failure.message, fields=failure.fields)


def _fit(
    run_dir: Path,
    data_root: Path,
    log: EventLog,
    stop: StopSignal,
    *,
    progress: bool,
    resuming: bool,
    ranks: Ranks,
) -> FitFinished:
    began = time.perf_counter()
    with stop.breaking():
        fit = prepared(run_dir, data_root, log, stop, progress=progress, ranks=ranks)
        baselines = score_baselines(fit.baselines, fit.data)
    where = describe_device(fit.device, ranks.size)
    ranks.meet()  # all have their data, or one could not
    ranks.use(fit.device)
    resumption = resume(fit) if resuming else None
    if resumption is None:
        _clear_earlier_attempt(fit)
    ranks.from_first(lambda: resumption is not None)
    ranks.meet()  # all have read the checkpoint, so that it may go
    _announce(fit, where, resumption)
    log_baselines(fit.baselines, baselines)
    log.put(BaselinesScored(scores=baselines))
    try:
        train(fit)
        ranks.leave()
        return complete(fit, device=where, seconds=time.perf_counter() - began)
    except StopRequested:
        ranks.leave()
        return cancel(fit, device=where, seconds=time.perf_counter() - began)


def prepared(
    run_dir: Path,
    data_root: Path,
    log: EventLog,
    stop: StopSignal,
    *,
    progress: bool,
    ranks: Ranks,
) -> Fit:
    """The parts of the fit of ``run_dir``, in one of the processes that share it."""
    config = read_config(run_dir)
    device = choose_device(config.train, rank=ranks.rank, ranks=ranks.size)
    use_available_cores(ranks.size)
    keep_freed_memory()
    data = prepare(config, data_root)
    fit = assemble(
        run_dir, config, data, device=device, log=log, stop=stop, progress=progress, ranks=ranks
    )
    if config.train.compile:
        fit.module.use(compiled(fit.module.network, device))
    return fit


def read_config(run_dir: Path) -> RunConfig:
    """The configuration of a run directory. Raises ``ConfigInvalid``."""
    path = run_dir / CONFIG_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        message = f"{path} does not exist; a run directory holds the resolved configuration"
        raise ConfigInvalid([FieldError("", message)]) from None
    except UnicodeDecodeError as error:
        message = f"{path} is not a UTF-8 text file"
        raise ConfigInvalid([FieldError("", message)]) from error
    return from_yaml(text)


def _clear_earlier_attempt(fit: Fit) -> None:
    for name in (METRICS_FILE, PREDICTIONS_FILE, REPORT_FILE):
        (fit.run_dir / name).unlink(missing_ok=True)
    removed = fit.store.clear()
    if removed:
        LOG.info("Starting over: removed %d checkpoint files of an earlier attempt", removed)


def _announce(fit: Fit, where: str, resumption: Resumption | None) -> None:
    config, data = fit.config, fit.data
    counts = {split: len(rows) for split, rows in data.splits.items()}
    for note in data.notes:
        LOG.info(note)
    LOG.info(
        "Decisions at every %s close: %d to train on, %d to validate, %d to test",
        config.data.decision_timeframe, counts["train"], counts["validation"], counts["test"],
    )  # fmt: skip
    for timeframe, names in zip(data.timeframes, data.feature_names, strict=True):
        LOG.info(
            "Input %s: the last %d bars of %s",
            timeframe, config.model.context_bars, ", ".join(names),
        )  # fmt: skip
    LOG.info("Network %s: %d parameters, on %s", config.model.variant, fit.parameters, where)
    planned = len(fit.feed) * config.train.max_epochs
    if warmup_length(config.train, planned) < config.train.warmup_steps:
        LOG.info(
            "Warm-up shortened from %d to %d steps: half of the %d planned ones",
            config.train.warmup_steps, warmup_length(config.train, planned), planned,
        )  # fmt: skip
    if resumption is not None:
        LOG.info(resumption.sentence)
    fit.log.put(
        FitStarted(
            device=where,
            parameters=fit.parameters,
            train_samples=counts["train"],
            validation_samples=counts["validation"],
            test_samples=counts["test"],
            steps_per_epoch=len(fit.feed),
            max_epochs=config.train.max_epochs,
            notes=data.notes,
            resumed_from_step=resumption.step if resumption else None,
            resume=resumption.kind if resumption else None,
            resume_reason="; ".join(resumption.reasons) if resumption else "",
        )
    )
