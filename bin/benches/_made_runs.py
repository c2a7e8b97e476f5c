"""Runs for benches: many as rows for lists, and long ones from files as a trainer leaves them.

A long run takes files and events of a run that was really trained and reports many more steps. It
is stored as the worker stores any run: by the feed, the recorder and the register of artifacts.
"""

from __future__ import annotations

import math
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benches import _django  # noqa: F401 - the models below need the application registry
from runs_app.choices import RunStatus
from runs_app.execution import artifacts, leases, lifecycle, run_directory
from runs_app.execution.feed import Feed
from runs_app.execution.outcome import said_last
from runs_app.execution.patience import Patience
from runs_app.forecasting.config.document import validate
from runs_app.forecasting.events import (
    CONFIG_FILE,
    CONSOLE_FILE,
    EVENTS_FILE,
    EpochFinished,
    Event,
    FitStarted,
    StepTaken,
    from_line,
    to_line,
)
from runs_app.models import DataSet, TrainingRun

WORKER = "bench"
AT_ONCE = 2000
START = datetime(2026, 1, 1, tzinfo=UTC)
STATES = (RunStatus.COMPLETED, RunStatus.COMPLETED, RunStatus.COMPLETED, RunStatus.FAILED,
          RunStatus.CANCELLED)  # fmt: skip


@dataclass(frozen=True)
class Length:
    """How much a long run reports."""

    steps: int
    steps_per_epoch: int
    console_lines: int = 0


def list_runs(
    numbers: range, config: dict[str, Any], data_set: DataSet, chance: random.Random
) -> None:
    """Store runs as rows, each whole as far as lists read it; those below 4 are running."""
    for first in range(numbers.start, numbers.stop, AT_ONCE):
        some = range(first, min(first + AT_ONCE, numbers.stop))
        rows = [_listed_run(number, config, data_set, chance) for number in some]
        TrainingRun.objects.bulk_create(rows)


def _listed_run(
    number: int, config: dict[str, Any], data_set: DataSet, chance: random.Random
) -> TrainingRun:
    status = RunStatus.RUNNING if number < 4 else chance.choice(STATES)
    judged = status == RunStatus.COMPLETED
    figures = {
        name: chance.lognormvariate(0, 0.3) for name in ("train_loss", "val_loss", "val_nll")
    }
    scores = {"val_crps": chance.random() / 100, "val_da": chance.uniform(0.48, 0.53)}
    started = START + timedelta(minutes=number)
    return TrainingRun(
        name=f"run {number} of a sweep", status=status, config=config, data_set=data_set,
        preset="tiny", tags=f",seed-{number % 10},sweep,", epoch=20, step=number,
        request={"data_source": data_set.path}, best_val_loss=figures["val_loss"],
        metrics={**figures, **scores, "steps_per_epoch": 100, "eta_seconds": 60.0,
                 "baselines": {name: dict(figures) for name in ("garch", "ewma", "constant")}},
        outcome=chance.choice(("beats", "ties", "loses")) if judged else "",
        verdict={"sentence": "It beats GARCH(1,1)-t on the test part.", "pad": "x" * 2000}
        if judged else None,
        leaks={"passed": True, "findings": [], "seconds": 1.0} if judged else None,
        skill=chance.uniform(-0.1, 0.1) if judged else None,
        started_at=started, seconds=600.0, size_bytes=number * 1000, attempt=1,
        finished_at=None if number < 4 else started + timedelta(minutes=10), **figures, **scores,
    )  # fmt: skip


def long_run(trained: TrainingRun, name: str, length: Length, **train: Any) -> TrainingRun:
    """A completed run with the files of ``trained``; ``train`` changes fields of its training."""
    config = dict(trained.config)
    config["train"] = config["train"] | train
    run = lifecycle.create_run(validate(config), trained.request, name)
    held = lifecycle.claim(run.pk, WORKER)
    if held is None:
        raise RuntimeError("the run could not be claimed")
    source, directory = run_directory.path_of(trained.uid), run_directory.path_of(run.uid)
    kept = shutil.ignore_patterns(CONFIG_FILE, CONSOLE_FILE, EVENTS_FILE, "passport.json")
    shutil.copytree(source, directory, dirs_exist_ok=True, ignore=kept)
    events = [from_line(line) for line in (source / EVENTS_FILE).read_bytes().splitlines()]
    with (directory / EVENTS_FILE).open("wb") as stream:
        stream.writelines(to_line(event) for event in _longer(events, length, run.pk))
    _write_console(directory / CONSOLE_FILE, length)
    feed = Feed(held, directory, Patience(lambda: False))
    try:
        feed.drain(lambda: leases.renew(held))
        outcome = said_last(feed.word_left())
    finally:
        feed.close()
    artifacts.register_all(run.pk, directory, lambda: leases.renew(held))
    ended = None if outcome is None else lifecycle.settle(held, outcome)
    if ended is None:
        raise RuntimeError(f"{trained} has not ended as a run that can be lengthened")
    return ended


def step_events(steps: int, steps_per_epoch: int = 1000, seed: int = 0) -> Iterator[StepTaken]:
    """What a trainer reports after each step: a falling loss with noise, as a loss has it."""
    chance = random.Random(seed)
    for step in range(1, steps + 1):
        yield StepTaken(
            at=START + timedelta(seconds=step / 10),
            epoch=1 + (step - 1) // steps_per_epoch,
            step=step,
            train_loss=1 / math.sqrt(step) + 0.2 + 0.05 * chance.random(),
            learning_rate=2e-4 * (1 + math.cos(math.pi * step / steps)) / 2,
            grad_norm=0.5 + chance.random(),
        )


def _longer(events: list[Event], length: Length, seed: int) -> Iterator[Event]:
    """The events of a fit with other steps and epochs in place of its own."""
    kinds = (StepTaken, EpochFinished)
    validated = [event for event in events if isinstance(event, EpochFinished)][-1]
    first = next(at for at, event in enumerate(events) if isinstance(event, kinds))
    epochs = length.steps // length.steps_per_epoch
    facts = {"steps_per_epoch": length.steps_per_epoch, "max_epochs": epochs}
    for event in events[:first]:
        yield event.model_copy(update=facts) if isinstance(event, FitStarted) else event
    for event in step_events(length.steps, length.steps_per_epoch, seed):
        yield event
        if event.step % length.steps_per_epoch == 0:
            yield _validation(validated, event, seed)
    for event in events[first:]:
        if not isinstance(event, kinds):
            yield event


def _validation(like: EpochFinished, step: StepTaken, seed: int) -> EpochFinished:
    """Scores near those of a real validation, other ones in each epoch and run."""
    worse = 1 + 0.1 / step.epoch + 0.01 * math.sin(step.epoch + seed)
    scores = {name: None if one is None else one * worse for name, one in like.metrics.items()}
    own = {"at": step.at, "epoch": step.epoch, "step": step.step, "train_loss": step.train_loss}
    return like.model_copy(update=own | {"metrics": scores})


def _write_console(path: Path, length: Length) -> None:
    with path.open("w", encoding="utf-8") as stream:
        for line in range(1, length.console_lines + 1):
            level = "WARNING" if line % 1000 == 0 else "INFO"
            stream.write(f"{level} step {line:,}: the batch took {line % 97} ms\n")
