"""What a training step spends on events.

The real reporter is called as Lightning calls it after a step, with a step's five figures (epoch,
step, loss, learning rate, gradient norm), while the real event log writes them to a disk. Timed
with every step reported, which is the dearest setting, and with the default of every tenth. The
figures are numbers already: the check for a non-finite loss has read them from the device.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from launcher.figures import Figure
from runs_app.forecasting.training.event_log import EventLog
from runs_app.forecasting.training.record import FitRecord
from runs_app.forecasting.training.reporting import StepReporter
from runs_app.forecasting.training.stopping import StopSignal
from runs_app.forecasting.training.throughput import Throughput

STEPS = 5000
STEP_SECONDS = 0.001
"""The pace of a very small network: the writing thread has to keep up with a thousand steps/s."""
BUDGET_MICROSECONDS = 15.0


def measure() -> list[Figure]:
    """Median over the steps, in microseconds."""
    return [
        Figure("per step, every step reported, median", _cost(1), "us", BUDGET_MICROSECONDS),
        Figure("per step, every tenth reported, median", _cost(10), "us", BUDGET_MICROSECONDS),
    ]


def _cost(every: int) -> float:
    with tempfile.TemporaryDirectory() as base:
        log = EventLog(Path(base) / "events.jsonl")
        reporter = StepReporter(
            log,
            StopSignal(),
            Throughput(1000, 1, 1.0),
            record=FitRecord(),
            every=every,
            step_windows=32,
        )
        trainer = cast("Any", None)
        taken = []
        for step in range(STEPS):
            module = cast(
                "Any",
                SimpleNamespace(loss=1.0 / (step + 1), grad_norm=0.5, learning_rate=2e-4),
            )
            began = time.perf_counter()
            reporter.on_train_batch_end(trainer, module, None, None, step)
            taken.append(time.perf_counter() - began)
            time.sleep(STEP_SECONDS)
        log.close()
        lines = (Path(base) / "events.jsonl").read_bytes().count(b"\n")
    if lines < STEPS // every:
        raise RuntimeError(f"the log holds {lines} events of {STEPS // every}")
    return statistics.median(taken) * 1e6
