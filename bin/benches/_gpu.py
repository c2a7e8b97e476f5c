"""Utilisation of a GPU's peak (MFU): a step's counted operations, over its time, over the peak.

Operations are counted by torch while a step runs, so that they are the network's own and not an
estimate; peaks are the vendors' dense bfloat16 figures.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.utils.flop_counter import FlopCounterMode

from launcher.figures import Figure
from runs_app.forecasting.config.schema import Precision, RunConfig
from runs_app.forecasting.training.assembly import Fit, assemble
from runs_app.forecasting.training.compilation import compiled
from runs_app.forecasting.training.event_log import EventLog
from runs_app.forecasting.training.stopping import StopSignal

if TYPE_CHECKING:
    from runs_app.forecasting.data.prepare import PreparedData

PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40": 181e12, "RTX 4090": 165e12}
"""Dense bfloat16 operations per second, by a word of the GPU's name."""

STEPS, FIRST = 60, 20


def gpu_figures(config: RunConfig, data: PreparedData) -> list[Figure]:
    """Time of a step and its share of the peak, by precision, plain and compiled.

    Without a GPU, or with one whose peak is not known here, that is printed and nothing measured.
    """
    if not torch.cuda.is_available():
        print("  GPU: not measured, since torch finds none on this computer.", flush=True)
        return []
    name = torch.cuda.get_device_name()
    peak = next((peak for word, peak in PEAKS.items() if word in name), None)
    if peak is None:
        print(f"  GPU: not measured, since the peak of {name} is not in PEAKS.", flush=True)
        return []
    figures = []
    for precision in Precision:
        for compiling in (False, True):
            seconds, operations = _step(config, data, precision, compiling=compiling)
            label = f"{name}, {precision.value}{', compiled' if compiling else ''}"
            figures += [
                Figure(f"{label}: one step", seconds * 1e3, "ms"),
                Figure("  utilisation of the peak", operations / seconds / peak, ""),
            ]
    return figures


def _step(
    config: RunConfig, data: PreparedData, precision: Precision, *, compiling: bool
) -> tuple[float, int]:
    """Median seconds of a step, and the floating-point operations in it."""
    device = torch.device("cuda", 0)
    train = config.train.model_copy(update={"precision": precision})
    config = config.model_copy(update={"train": train})
    with tempfile.TemporaryDirectory() as base:
        log = EventLog(Path(base) / "events.jsonl")
        fit = assemble(
            Path(base), config, data, device=device, log=log, stop=StopSignal(), progress=False
        )
        log.close()
    fit.module.to(device)
    fit.module.configure_optimizers()
    counter = FlopCounterMode(display=False)
    with counter:
        _take(fit, 1)
    if compiling:
        fit.module.use(compiled(fit.module.network, device))
    return statistics.median(_take(fit, STEPS)[FIRST:]), counter.get_total_flops()


def _take(fit: Fit, steps: int) -> list[float]:
    """Seconds of each step; the step's own reading of the loss waits for the GPU."""
    taken = []
    batches = iter(fit.feed)
    for number in range(steps):
        began = time.perf_counter()
        fit.module.training_step(next(batches), number)
        torch.cuda.synchronize()
        taken.append(time.perf_counter() - began)
    return taken
