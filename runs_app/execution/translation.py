"""From the trainer's events to stream events and to what they change in the run's snapshot."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from runs_app.choices import EventKind, RunStatus
from runs_app.forecasting import events as core
from runs_app.forecasting.counted import counted
from runs_app.series import BACK_TO_STEP


@dataclass(frozen=True)
class Entry:
    """One stream event to store, and the latest figures it brings for the run's ``metrics``."""

    kind: EventKind
    payload: dict[str, Any]
    figures: dict[str, Any] = field(default_factory=dict)
    saved: core.CheckpointSaved | None = None
    removed: core.CheckpointRemoved | None = None
    warning: str = ""
    """What people are told of beside the page."""


def translate(event: core.Event, attempt: int) -> Entry | None:
    """The entry of a trainer event; None where it has nothing to show."""
    match event:
        case core.FitStarted():
            return _started(event, attempt)
        case core.BaselinesScored():
            return _baselines(event)
        case core.StepTaken():
            return _metrics(core.to_payload(event))
        case core.EpochFinished():
            data = core.to_payload(event)
            data.pop("seconds")
            return _metrics(data | data.pop("metrics"))
        case core.RolledBack():
            return _rolled_back(event, attempt)
        case core.CheckpointSaved():
            name = PurePosixPath(event.path).name
            data = core.to_payload(event) | {"name": name}
            return Entry(EventKind.CHECKPOINT, data, saved=event)
        case core.CheckpointRemoved():
            name = PurePosixPath(event.path).name
            data = {"path": event.path, "name": name, "removed": True}
            return Entry(EventKind.CHECKPOINT, data, removed=event)
        case core.FitFinished():
            return _metrics(core.to_payload(event)["metrics"]) if event.metrics else None
        case core.FitFailed():
            return None


def finite(value: Any) -> float | None:
    """The number, or None where it is absent, not finite or not a number."""
    if isinstance(value, (int, float)) and math.isfinite(value):
        return float(value)
    return None


def _metrics(data: dict[str, Any]) -> Entry:
    present = {name: value for name, value in data.items() if value is not None}
    # A validation score that there is none of any more replaces the one before it.
    figures = {k: v for k, v in data.items() if v is not None or k.startswith("val_")}
    eta = finite(present.get("eta_seconds"))
    if eta is not None:
        figures["eta_minutes"] = round(eta / 60, 2)
    return Entry(EventKind.METRICS, present, figures)


def _baselines(event: core.BaselinesScored) -> Entry:
    known = {"baselines": core.to_payload(event)["scores"]}
    return Entry(EventKind.METRICS, known, known)


def _started(event: core.FitStarted, attempt: int) -> Entry:
    facts = core.to_payload(event)
    names = ["device", "parameters", "steps_per_epoch", "max_epochs"]
    if attempt > 1:  # also where they are None, since the attempt before may have had them
        names += ["resumed_from_step", "resume", "resume_reason"]
    figures = {name: facts[name] for name in names}
    if attempt > 1 and event.resumed_from_step is None:
        figures["rolled_back"] = None
    message = (
        f"Training {counted(event.parameters, 'parameter')} on {event.device}: "
        f"{counted(event.train_samples, 'sample')}, {counted(event.steps_per_epoch, 'step')} in "
        f"each of at most {counted(event.max_epochs, 'epoch')}."
    )
    if event.resumed_from_step is not None:
        message += f" It goes on after step {event.resumed_from_step:,}: {event.resume}."
    status = {"status": str(RunStatus.RUNNING), "attempt": attempt, "message": message}
    status[BACK_TO_STEP] = event.resumed_from_step or 0
    return Entry(EventKind.STATUS, status | facts, figures)


def _rolled_back(event: core.RolledBack, attempt: int) -> Entry:
    status = {"status": str(RunStatus.RUNNING), "attempt": attempt, "message": event.message}
    return Entry(
        EventKind.STATUS,
        status | {BACK_TO_STEP: event.to_step},
        {"rolled_back": event.message},
        warning=event.message,
    )
