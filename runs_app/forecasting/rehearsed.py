"""What a dress rehearsal found, as a document. Imports no torch: the web side shows it."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True)


class InputShape(_Document):
    """What the network gets of one timeframe for each window."""

    timeframe: str
    bars: int
    features: int


class FirstBatch(_Document):
    """The first windows that the run would learn from."""

    windows: int
    first: datetime
    last: datetime
    """The earliest and the latest decision among them (UTC)."""
    examples: tuple[datetime, ...]
    inputs: tuple[InputShape, ...]
    target_mean: float
    target_deviation: float
    """Of the standardised returns of these windows; 0 and 1 are usual."""
    target_scale: float
    """Standard deviation of the training targets, as a log-return."""


class Rehearsal(_Document):
    """A few real training steps, a validation, a save and a load; all times in seconds."""

    device: str
    parameters: int
    decisions: dict[str, int]
    """Decisions of each part of the data."""
    steps: int
    """Optimizer steps that were taken."""
    losses: tuple[float, ...]
    validation_loss: float | None
    prepare_seconds: float
    first_step_seconds: float
    """With all that happens once."""
    seconds_per_step: float
    """Of the steps after the first one."""
    steps_per_epoch: int
    validated: int
    """Validation decisions that were forecast; the time of all is in proportion."""
    seconds_per_validation: float
    seconds_per_epoch: float
    max_epochs: int
    eta_seconds: float
    """Of all epochs with scoring; at most so long where early stopping may come."""
    stops_early: bool
    peak_memory_bytes: int
    """Resident memory of the process at its largest."""
    machine_bytes: int
    peak_gpu_bytes: int | None = None
    gpu_bytes: int | None = None
    checkpoint_bytes: int
    load_seconds: float
    batch: FirstBatch
    notes: tuple[str, ...]
    seconds: float
    """Of the rehearsal itself."""
