"""The dress rehearsal: a run's own parts take a few steps, validate, save and load, and are timed.

Nothing here trains: data, network, loop, validation and checkpoints are those of ``fit``, with a
short epoch and a few of the validation's decisions. What fails here would have failed in the run.
"""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
import torch

from runs_app.forecasting.counted import counted
from runs_app.forecasting.data.prepare import PreparedData, prepare
from runs_app.forecasting.errors import CheckpointDamaged
from runs_app.forecasting.events import CHECKPOINT_DIR, EVENTS_FILE
from runs_app.forecasting.rehearsed import FirstBatch, InputShape, Rehearsal
from runs_app.forecasting.training.assembly import Fit, build_trainer
from runs_app.forecasting.training.checkpoint import load_checkpoint, restore_network
from runs_app.forecasting.training.device import (
    choose_device,
    describe_device,
    use_available_cores,
)
from runs_app.forecasting.training.event_log import EventLog
from runs_app.forecasting.training.fit import Work, put_together
from runs_app.forecasting.training.memory import (
    keep_freed_memory,
    machine_bytes,
    within_the_machine,
)
from runs_app.forecasting.training.ranks import ALONE
from runs_app.forecasting.training.throughput import Throughput
from runs_app.forecasting.utc import instant

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runs_app.forecasting.config.schema import RunConfig

    Say = Callable[[str], None]

STEPS = 3
VALIDATED = 4096
"""Validation decisions at most: two big batches, enough to time and small enough to wait for."""
EXAMPLES = 5
COMPARED = 64
"""Decisions that the loaded network must forecast like the one that was saved."""


def rehearse(config: RunConfig, data_root: Path, folder: Path, *, say: Say) -> Rehearsal:
    """Rehearse in ``folder``, which is empty and stays the caller's; ``say`` gets each phase.

    Raises whatever the run itself would raise.
    """
    began = time.perf_counter()
    short = _shortened(config)
    device = choose_device(short.train)
    with within_the_machine(device):
        use_available_cores()
        keep_freed_memory()
        say("Preparing the data")
        data = prepare(short, data_root)
        prepare_seconds = time.perf_counter() - began
        say("Making the network and its baselines")
        log = EventLog(folder / EVENTS_FILE)
        try:
            work = Work(folder, data_root, log, ALONE.new_stop(), ALONE)
            fit = put_together(device, short, _fewer_validated(data), work)
            found = _played(fit, config, data, say)
        finally:
            log.close()
    return found.model_copy(
        update={
            "prepare_seconds": prepare_seconds,
            "seconds": time.perf_counter() - began,
        }
    )


def _shortened(config: RunConfig) -> RunConfig:
    """The run with one short epoch on one device; all else is its own."""
    short = {"steps_per_epoch": STEPS, "max_epochs": 1, "devices": 1}
    return config.model_copy(update={"train": config.train.model_copy(update=short)})


def _fewer_validated(data: PreparedData) -> PreparedData:
    rows = data.splits["validation"]
    spread = torch.linspace(0, len(rows) - 1, min(len(rows), VALIDATED)).round().long()
    return replace(data, splits={**data.splits, "validation": rows[spread]})


@dataclass
class _StepClock(pl.Callback):
    """When each step ended, what it lost, and which decisions came first."""

    device: torch.device
    say: Say
    ended: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    first: torch.Tensor | None = None

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Note the first batch's decisions: of one pass, or of all pieces of a step."""
        if self.first is None:
            self.first = batch.rows if hasattr(batch, "rows") else torch.cat(batch.pieces)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: Any,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Take the time once the device has done it."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.ended.append(time.perf_counter())
        self.losses.append(pl_module.loss)
        self.say(f"Step {len(self.ended)} taken, loss {pl_module.loss:.4g}")


def _played(fit: Fit, config: RunConfig, data: PreparedData, say: Say) -> Rehearsal:
    device = fit.device
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    (fit.run_dir / CHECKPOINT_DIR).mkdir()
    clock = _StepClock(device, say)
    say(f"Taking {STEPS} steps on {describe_device(device)}")
    started = time.perf_counter()
    build_trainer(replace(fit, callbacks=(clock, *fit.callbacks))).fit(fit.module, fit.feed)
    say("Loading the checkpoint and comparing")
    loading = time.perf_counter()
    checkpoint_bytes = _load_and_compare(fit)
    load_seconds = time.perf_counter() - loading
    assert clock.first is not None
    later = [after - before for before, after in zip(clock.ended, clock.ended[1:], strict=False)]
    first_step = clock.ended[0] - started
    per_step = sum(later) / len(later) if later else first_step
    on_gpu = device.type == "cuda"
    return Rehearsal(
        device=describe_device(device),
        parameters=fit.parameters,
        decisions={part: len(rows) for part, rows in data.splits.items()},
        steps=len(clock.ended),
        losses=tuple(clock.losses),
        validation_loss=fit.record.best_loss,
        prepare_seconds=0.0,
        first_step_seconds=first_step,
        seconds_per_step=per_step,
        validated=len(fit.rows("validation")),
        max_epochs=config.train.max_epochs,
        **_extrapolated(fit, config, data, per_step),
        stops_early=config.train.early_stopping_patience > 0,
        peak_memory_bytes=peak_memory_bytes(),
        machine_bytes=machine_bytes(),
        peak_gpu_bytes=torch.cuda.max_memory_reserved(device) if on_gpu else None,
        gpu_bytes=torch.cuda.get_device_properties(device).total_memory if on_gpu else None,
        checkpoint_bytes=checkpoint_bytes,
        load_seconds=load_seconds,
        batch=_first_batch(fit, data, clock.first),
        notes=_notes(config, fit, data),
        seconds=0.0,
    )


def _extrapolated(
    fit: Fit, config: RunConfig, data: PreparedData, per_step: float
) -> dict[str, Any]:
    """Times of a whole epoch and of the whole run, by the trainer's own rule."""
    parts = {part: len(rows) for part, rows in data.splits.items()}
    steps = -(-parts["train"] // config.train.windows_per_step)
    if config.train.steps_per_epoch is not None:
        steps = min(steps, config.train.steps_per_epoch)
    measured = fit.throughput.seconds_per_validation
    validation = measured * parts["validation"] / len(fit.rows("validation"))
    pace = Throughput(
        steps,
        config.train.max_epochs,
        (parts["validation"] + parts["test"]) / parts["validation"],
        seconds_per_step=per_step,
        seconds_per_validation=validation,
    )
    return {
        "steps_per_epoch": steps,
        "seconds_per_validation": validation,
        "seconds_per_epoch": steps * per_step + validation,
        "eta_seconds": pace.eta_seconds(0),
    }


def _load_and_compare(fit: Fit) -> int:
    """Size in bytes of the saved checkpoint; ``CheckpointDamaged`` where it forecasts otherwise."""
    path = fit.store.best_path
    # Lightning takes the network off the GPU when it ends.
    trained, restored = (
        network.to(fit.device)
        for network in (fit.module.network, restore_network(load_checkpoint(path)))
    )
    rows = fit.rows("validation")[:COMPARED]
    saved, loaded = (fit.evaluator.forecast(network, rows) for network in (trained, restored))
    pairs = zip(saved, loaded, strict=True)
    if not all(torch.equal(a, b) for a, b in pairs if a is not None and b is not None):
        raise CheckpointDamaged(
            "the network that was loaded forecasts otherwise than the saved one"
        )
    return path.stat().st_size


def _first_batch(fit: Fit, data: PreparedData, rows: torch.Tensor) -> FirstBatch:
    at = sorted(data.decision_time[rows.cpu().numpy()].tolist())
    target = fit.table.target[rows].double()
    return FirstBatch(
        windows=len(rows),
        first=instant(at[0]),
        last=instant(at[-1]),
        examples=tuple(instant(data.decision_time[int(row)]) for row in rows[:EXAMPLES]),
        inputs=tuple(
            InputShape(timeframe=timeframe, bars=fit.config.model.context_bars, features=len(names))
            for timeframe, names in zip(data.timeframes, data.feature_names, strict=True)
        ),
        target_mean=float(target.mean()),
        target_deviation=float(target.std(unbiased=False)),
        target_scale=fit.table.target_scale,
    )


def _notes(config: RunConfig, fit: Fit, data: PreparedData) -> tuple[str, ...]:
    notes = []
    all_rows, some = len(data.splits["validation"]), len(fit.rows("validation"))
    if some < all_rows:
        notes.append(
            f"Validated on {some:,} of {counted(all_rows, 'decision')}; its time is in proportion."
        )
    if config.train.devices > 1:
        notes.append(
            f"On one of {config.train.devices} devices, each with its own batch; what they tell "
            "one another takes time besides."
        )
    if config.train.compile:
        notes.append("The first step compiles the network; a run does that once, too.")
    return tuple(notes)


def peak_memory_bytes() -> int:
    """Resident memory of this process at its largest."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
