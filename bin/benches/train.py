"""Share of a training step that is arithmetic, through the whole product, and the feed's ceiling.

The real parts of a fit (feed, module, Lightning, callbacks, event log) train on synthetic candles
of one timeframe with a network of width 64, two layers and a context of 512 bars, on one thread.
Clocks stand around the step's forward pass, backward pass and optimizer (clipping and the check for
a non-finite loss included); what is left of the time from one step's end to the next one's is the
feed, Lightning and the reporting. Each figure is the median over the steps of one run, so that its
parts can be compared whatever else runs on the computer. The feed alone is timed with windows of
64 bars: at 512 bars a window is 39 kB, and the memory's bandwidth is the ceiling.
"""

from __future__ import annotations

import gc
import logging
import statistics
import tempfile
import time
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import pytorch_lightning as pl
import torch

from benches._gpu import gpu_figures
from launcher.figures import Figure
from runs_app.forecasting.config.compose import compose_config
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.prepare import PreparedData, prepare_candles
from runs_app.forecasting.data.sample import sample_candles
from runs_app.forecasting.training.assembly import Fit, assemble, build_trainer
from runs_app.forecasting.training.event_log import EventLog
from runs_app.forecasting.training.feed import DecisionTable, TrainingFeed
from runs_app.forecasting.training.memory import keep_freed_memory
from runs_app.forecasting.training.stopping import StopSignal

BARS = (500_000, 2_600_000)
STEPS = {32: 150, 256: 40}
"""By batch size."""
FIRST = 10
"""Steps that warm up and are not counted."""
FEED_BATCHES, FEED_PASSES = 1000, 12
SHARE, LIGHTNING_MS, WINDOWS = 0.97, 0.8, 1e6
CPU = torch.device("cpu")


def measure() -> list[Figure]:
    """Shares and costs at both lengths and batch sizes, the feed alone, memory per bar."""
    torch.set_num_threads(1)
    keep_freed_memory()
    warnings.filterwarnings("ignore", module=r"pytorch_lightning|lightning_fabric")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    figures = []
    for bars in BARS:
        data = prepare_candles(_config(), sample_candles(bars))
        figures += _memory(data, bars)
        figures.append(_feed_alone(data, bars))
        for batch_size in STEPS:
            figures += _steps(data, bars, batch_size)
    return figures + gpu_figures(_config(batch_size=256, steps=100), data)


def _config(*, batch_size: int = 32, steps: int = 1) -> RunConfig:
    return compose_config(
        {
            "data": {"source": "synthetic.csv", "timeframes": ["1m"]},
            "model": {"variant": "tiny", "d_model": 64, "layers": 2, "context_bars": 512},
            "train": {
                "max_epochs": 1, "batch_size": batch_size, "steps_per_epoch": steps,
                "accelerator": "cpu",
            },
        }
    )  # fmt: skip


@dataclass
class Clocks:
    """Seconds of each step by part, and the instants at which steps ended."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    ends: list[float] = field(default_factory=list)

    def around(self, owner: Any, method: str, part: str) -> None:
        """Add the time of ``owner.method`` to ``part``."""
        function, taken = getattr(owner, method), self.seconds.setdefault(part, [])

        # Lightning reads the signature at every step, which takes longer for *arguments.
        def step(batch: Any, batch_idx: int) -> None:
            began = time.perf_counter()
            function(batch, batch_idx)
            taken.append(time.perf_counter() - began)

        def timed(*arguments: Any) -> Any:
            began = time.perf_counter()
            result = function(*arguments)
            taken.append(time.perf_counter() - began)
            return result

        object.__setattr__(owner, method, step if method == "training_step" else timed)

    def median(self, part: str) -> float:
        """Median share of ``part`` in the counted steps."""
        taken = self.seconds[part][FIRST + 1 : len(self.ends)]
        return statistics.median(
            mine / whole for mine, whole in zip(taken, self.wholes(), strict=True)
        )

    def wholes(self) -> list[float]:
        """Seconds from one step's end to the next one's, the counted steps."""
        return [
            after - before
            for before, after in zip(self.ends[FIRST:], self.ends[FIRST + 1 :], strict=False)
        ]


class EndOfStep(pl.Callback):
    """Notes when a step has ended; stands behind the product's own callbacks."""

    def __init__(self, clocks: Clocks) -> None:
        self._ends = clocks.ends

    def on_train_batch_end(self, *_: Any) -> None:
        """A step, with all its reporting, is over."""
        self._ends.append(time.perf_counter())


def _steps(data: PreparedData, bars: int, batch_size: int) -> list[Figure]:
    clocks = Clocks()
    config = _config(batch_size=batch_size, steps=STEPS[batch_size])
    with tempfile.TemporaryDirectory() as base:
        log = EventLog(Path(base) / "events.jsonl")
        fit = assemble(
            Path(base), config, data, device=CPU, log=log, stop=StopSignal(), progress=False
        )
        _train(fit, clocks)
        log.close()
    step = statistics.median(clocks.wholes())
    share = {part: clocks.median(part) for part in clocks.seconds}
    lightning = 1.0 - share["step"] - share["feed"] - share["report"]
    name = f"{bars:,} bars, batch {batch_size}"
    return [
        Figure(f"{name}: share in the step", share["step"], "", SHARE, at_least=True),
        Figure("  of it forward", share["forward"], ""),
        Figure("  of it backward", share["backward"], ""),
        Figure("  of it optimizer and clipping", share["optimizer"], ""),
        Figure("  one step", step * 1e3, "ms"),
        Figure("  Lightning's own cost", lightning * step * 1e3, "ms", LIGHTNING_MS),
        Figure("  feed", share["feed"] * step * 1e3, "ms"),
        Figure("  reporting", share["report"] * step * 1e3, "ms"),
    ]


def _train(fit: Fit, clocks: Clocks) -> None:
    """One epoch of the real fit without its validation, with clocks around its parts."""
    for method, part in (
        ("training_step", "step"), ("forward_loss", "forward"), ("backward_loss", "backward"),
        ("update", "optimizer"),
    ):  # fmt: skip
        clocks.around(fit.module, method, part)
    clocks.around(fit.table, "batch", "feed")
    reporter = fit.callbacks[0]
    clocks.around(reporter, "on_train_batch_end", "report")
    callbacks = (*fit.callbacks[:-1], EndOfStep(clocks))
    build_trainer(replace(fit, callbacks=callbacks)).fit(fit.module, fit.feed)


def _feed_alone(data: PreparedData, bars: int) -> Figure:
    table = DecisionTable.on_device(data, context_bars=64, device=CPU)
    feed = TrainingFeed(table, data.splits["train"], batch_size=32, seed=1, max_steps=FEED_BATCHES)
    next(iter(feed))
    best = 0.0
    for _ in range(FEED_PASSES):
        batches = iter(feed)
        next(batches)  # it draws the order of the whole pass
        began = time.perf_counter()
        for _batch in batches:
            pass
        best = max(best, 32 * (FEED_BATCHES - 1) / (time.perf_counter() - began))
    return Figure(f"{bars:,} bars: feed alone, 64 bars", best, "windows/s", WINDOWS, at_least=True)


def _memory(data: PreparedData, bars: int) -> list[Figure]:
    """What the tables hold per bar, and what a pass over all windows adds to the process."""
    table = DecisionTable.on_device(data, context_bars=512, device=CPU)
    tensors = (
        *table.features, *table.last_bar, table.log_volatility, table.target, table.short_label,
        table.long_label,
    )  # fmt: skip
    held = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    gc.collect()
    before = psutil.Process().memory_info().rss
    feed = TrainingFeed(table, data.splits["train"], batch_size=256, seed=1, max_steps=400)
    for _batch in feed:
        pass
    grown = psutil.Process().memory_info().rss - before
    return [
        Figure(f"{bars:,} bars: tables, bytes per bar", held / bars, "B"),
        Figure("  features of one bar, all of float32", 4 * data.features[0].shape[1], "B"),
        Figure("  grown by 102,400 windows of 512 bars", grown / 1e6, "MB"),
    ]
