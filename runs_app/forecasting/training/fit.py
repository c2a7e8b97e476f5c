"""The one door to training: a run directory in; events, checkpoints, scores and predictions out."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runs_app.forecasting.config.document import from_yaml
from runs_app.forecasting.data.prepare import prepare
from runs_app.forecasting.errors import ConfigInvalid, DirectoryHeld, FieldError
from runs_app.forecasting.events import (
    CHECKPOINT_DIR,
    CONFIG_FILE,
    EVENTS_FILE,
    EXIT_CODES,
    HELD_EXIT,
    METRICS_FILE,
    PREDICTIONS_FILE,
    REPORT_FILE,
    BaselinesScored,
    FitFailed,
    FitFinished,
    FitStarted,
    Reason,
)
from runs_app.forecasting.progress import advance, marking
from runs_app.forecasting.training.assembly import Fit, assemble
from runs_app.forecasting.training.branch import start_from_branch
from runs_app.forecasting.training.compilation import compiled
from runs_app.forecasting.training.console import printing
from runs_app.forecasting.training.device import (
    choose_device,
    describe_device,
    use_available_cores,
)
from runs_app.forecasting.training.environment import note_environment
from runs_app.forecasting.training.event_log import EventLog
from runs_app.forecasting.training.failures import explain
from runs_app.forecasting.training.fencing import holding
from runs_app.forecasting.training.long_steps import mark_inside_steps
from runs_app.forecasting.training.memory import keep_freed_memory, within_the_machine
from runs_app.forecasting.training.optimizer import warmup_length
from runs_app.forecasting.training.outcome import cancel, complete
from runs_app.forecasting.training.ranks import ALONE, Ranks
from runs_app.forecasting.training.resume import Resumption, resume
from runs_app.forecasting.training.rivals import log_baselines, score_baselines
from runs_app.forecasting.training.rollback import train
from runs_app.forecasting.training.room import refuse_what_cannot_fit
from runs_app.forecasting.training.stacks import shown_on_request
from runs_app.forecasting.training.stopping import StopRequested
from runs_app.forecasting.whole_file import remove_unfinished

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import torch

    from runs_app.forecasting.config.schema import RunConfig
    from runs_app.forecasting.data.prepare import PreparedData
    from runs_app.forecasting.training.stopping import StopSignal

LOG = logging.getLogger(__name__)


def run(
    run_dir: Path,
    data_root: Path,
    *,
    progress: bool,
    resuming: bool = False,
    attempt: int = 0,
    ranks: Ranks = ALONE,
) -> int:
    """Train from ``run_dir/config.yaml`` alone and return the exit status for how it ended.

    ``data_root`` is where a relative ``data.source`` is looked up. With ``resuming`` an earlier
    attempt's newest checkpoint is taken up; without one the fit starts over. ``attempt`` numbers
    the tries of a supervisor: see ``fence``. The last event is always ``FitFinished`` or
    ``FitFailed``, unless another trainer has the directory. Nothing is raised but what ends the
    interpreter itself. Where this process is one of several, it is the first of ``ranks``.
    """
    stop = ranks.new_stop()
    with printing(), shown_on_request(), stop.listening(), ExitStack() as held:
        try:
            with stop.breaking():
                fence = held.enter_context(holding(run_dir, attempt))
            held.enter_context(marking(run_dir))
            remove_unfinished(run_dir)
            remove_unfinished(run_dir / CHECKPOINT_DIR)
            log = EventLog(run_dir / EVENTS_FILE)
        except (StopRequested, KeyboardInterrupt):
            LOG.info("Cancelled on request while another trainer had the run directory.")
            return EXIT_CODES[Reason.CANCELLED]
        except DirectoryHeld as error:
            LOG.error("%s", error)
            return HELD_EXIT
        except OSError as error:
            LOG.error("The run directory %s cannot be written: %s", run_dir, error.strerror)
            return EXIT_CODES[explain(error).reason]
        work = Work(
            run_dir, data_root, log, stop, ranks, fence.check,
            progress=progress, resuming=resuming, attempt=attempt,
        )  # fmt: skip
        return EXIT_CODES[_run_logged(work)]


@dataclass(frozen=True)
class Work:
    """One call of ``run``, or what another process does for it."""

    run_dir: Path
    data_root: Path
    log: EventLog
    stop: StopSignal
    ranks: Ranks
    before_naming: Callable[[], None] = lambda: None
    progress: bool = False
    resuming: bool = False
    attempt: int = 0


def _run_logged(work: Work) -> Reason:
    event: FitFinished | FitFailed
    try:
        event = _fit(work)
    except (StopRequested, KeyboardInterrupt):
        event = FitFinished(
            reason=Reason.CANCELLED, message="Cancelled on request before training began."
        )
        LOG.info(event.message)
    except Exception as error:  # noqa: BLE001 - every fault becomes a reason and a sentence
        event = _failed(error)
    work.log.put(event)
    try:
        work.log.close()
    except Exception as error:  # noqa: BLE001 - as above, and there is no log left to tell it to
        return _failed(error).reason
    return event.reason


def _failed(error: Exception) -> FitFailed:
    traceback.print_exception(error, file=sys.stderr)
    failure = explain(error)
    LOG.error("Failed: %s", failure.message)
    return FitFailed(**failure._asdict())


def _fit(work: Work) -> FitFinished:
    with work.stop.breaking():
        config, device = chosen(work)
    with within_the_machine(device):
        return _fit_on(device, config, work)


def _fit_on(device: torch.device, config: RunConfig, work: Work) -> FitFinished:
    began, ranks = time.perf_counter(), work.ranks
    with work.stop.breaking():
        fit = prepared(device, config, work)
        baselines = score_baselines(fit.baselines, fit.data)
    where = describe_device(device, ranks.size)
    ranks.meet()  # all have their data, or one could not
    ranks.use(device)
    resumption, started_from = resume(fit) if work.resuming else None, ""
    if resumption is None:
        _clear_earlier_attempt(fit)
        started_from = start_from_branch(fit.module.network, work.run_dir, config, fit.data)
    ranks.from_first(lambda: resumption is not None)
    ranks.meet()  # all have read the checkpoint, so that it may go
    note_environment(fit, work.attempt, resumption, branched=bool(started_from))
    _announce(fit, where, resumption, started_from)
    log_baselines(fit.baselines, baselines)
    work.log.put(BaselinesScored(scores=baselines))
    try:
        train(fit)
        ranks.leave()
        return complete(fit, device=where, seconds=time.perf_counter() - began)
    except StopRequested:
        ranks.leave()
        return cancel(fit, device=where, seconds=time.perf_counter() - began)


def chosen(work: Work) -> tuple[RunConfig, torch.device]:
    """What to fit, and where. Raises ``ConfigInvalid``."""
    config, ranks = read_config(work.run_dir), work.ranks
    device = choose_device(config.train, rank=ranks.rank, ranks=ranks.size)
    advance()
    return config, device


def prepared(device: torch.device, config: RunConfig, work: Work) -> Fit:
    """The parts of a fit, in one of the processes that share it."""
    use_available_cores(work.ranks.size)
    keep_freed_memory()
    return put_together(device, config, prepare(config, work.data_root), work)


def put_together(device: torch.device, config: RunConfig, data: PreparedData, work: Work) -> Fit:
    """The same once the data is there. Raises ``OutOfMemory`` where it cannot fit."""
    if work.ranks.leads:
        on_cpu = work.ranks.size if device.type == "cpu" else 1
        refuse_what_cannot_fit(config, data, device, processes=on_cpu)
    fit = assemble(
        work.run_dir, config, data, device=device, log=work.log, stop=work.stop,
        progress=work.progress, before_naming=work.before_naming, ranks=work.ranks,
    )  # fmt: skip
    mark_inside_steps(
        fit.module.network, config, min(config.train.batch_size, len(fit.rows("train")))
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


def _announce(fit: Fit, where: str, resumption: Resumption | None, started_from: str) -> None:
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
    if started_from:
        LOG.info("Starts from another run's %s", started_from)
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
            started_from=started_from,
        )
    )
