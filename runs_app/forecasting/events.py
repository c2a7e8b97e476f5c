"""What a fit reports, as frozen records: one JSON line each in ``RUN_DIR/events.jsonl``.

The file is the write-ahead log of a run. The trainer only ever appends to it; the supervisor reads
it, numbers the events and stores them. Times are UTC. A NaN or an infinity is written as the string
``"NaN"``, ``"Infinity"`` or ``"-Infinity"``, because JSON has no such numbers, and read back as the
float it was. This module imports neither torch nor Django.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from runs_app.forecasting.evaluation.documents import LeakCheck, Verdict

EVENTS_FILE = "events.jsonl"
CONSOLE_FILE = "console.log"
CONFIG_FILE = "config.yaml"
METRICS_FILE = "metrics.json"
PREDICTIONS_FILE = "predictions.parquet"
REPORT_FILE = "report.json"
CHECKPOINT_DIR = "checkpoints"
INIT_FILE = "init.ckpt"
"""A checkpoint of another run whose weights this one starts from, where there is one."""


class Reason(StrEnum):
    """Why a fit ended; one word from this list, beside one readable sentence."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    CONFIG = "config"
    DATA = "data"
    OUT_OF_MEMORY = "out_of_memory"
    NON_FINITE = "non_finite"
    STALLED = "stalled"
    KILLED = "killed"
    WORKER_LOST = "worker_lost"
    DISK_FULL = "disk_full"
    BUG = "bug"


EXIT_CODES: dict[Reason, int] = {
    Reason.COMPLETED: 0,
    Reason.BUG: 1,
    Reason.CANCELLED: 10,
    Reason.CONFIG: 11,
    Reason.DATA: 12,
    Reason.OUT_OF_MEMORY: 13,
    Reason.NON_FINITE: 14,
    Reason.DISK_FULL: 15,
}
"""Exit status of ``python -m runs_app.forecasting`` for each way it can end by itself."""

REASON_OF_CODE = {code: reason for reason, code in EXIT_CODES.items()}
"""The same, read by whoever started it."""

REPLACED_EXIT = 16
"""Of a trainer that found a newer attempt in its place: it wrote nothing more, no event either."""
HELD_EXIT = 17
"""Of a trainer that waited in vain for another one to leave the directory; it wrote no event."""


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    at: datetime = Field(default_factory=lambda: datetime.now(UTC))


class FitStarted(_Event):
    """Data are ready and the first step is about to be taken."""

    kind: Literal["fit_started"] = "fit_started"
    device: str
    """Human-readable: ``CPU (2 threads)`` or ``NVIDIA H200``."""
    parameters: int
    train_samples: int
    validation_samples: int
    test_samples: int
    steps_per_epoch: int
    max_epochs: int
    notes: tuple[str, ...] = ()
    """What was repaired or left out of the data, one sentence each."""
    resumed_from_step: int | None = None
    """The optimizer step after which this attempt goes on; None where it starts at the first."""
    resume: Literal["exact", "approximate"] | None = None
    """Whether the fit ends with the same bits as if it had never stopped; None if not resumed."""
    resume_reason: str = ""
    """Why it is only approximate."""
    started_from: str = ""
    """Where the first weights are those of another run, which: ``weights after step 1,200, epoch
    3``."""


class BaselinesScored(_Event):
    """What the forecasters to beat score on the validation part; known before the first step."""

    kind: Literal["baselines"] = "baselines"
    scores: dict[str, dict[str, float | None]]
    """By key of ``evaluation.documents.BASELINES``: ``val_nll val_crps val_pinball val_rmse``, in
    log-returns, on the rows on which the model is validated."""


class StepTaken(_Event):
    """A training step's figures. ``step`` counts optimizer steps from 1 over the whole fit."""

    kind: Literal["step"] = "step"
    epoch: int
    step: int
    train_loss: float
    learning_rate: float
    grad_norm: float | None = None
    samples_per_second: float | None = None
    eta_seconds: float | None = None


class EpochFinished(_Event):
    """Validation after an epoch (``epoch`` counts from 1). ``metrics`` has ``val_*`` names."""

    kind: Literal["epoch"] = "epoch"
    epoch: int
    step: int
    train_loss: float
    learning_rate: float
    metrics: dict[str, float | None]
    """``val_loss val_da val_f1 val_f1_short val_f1_long val_rmse val_nll val_crps val_pinball``;
    None where the head has no such score."""
    seconds: float
    eta_seconds: float | None = None


class RolledBack(_Event):
    """A loss was not finite: the fit went back to step ``to_step`` and on in another order."""

    kind: Literal["rolled_back"] = "rolled_back"
    from_step: int
    to_step: int
    message: str


class CheckpointSaved(_Event):
    """A complete checkpoint lies on disk under its final name."""

    kind: Literal["checkpoint"] = "checkpoint"
    path: str
    """Relative to the run directory, such as ``checkpoints/checkpoint-epoch3.ckpt``."""
    epoch: int
    step: int
    val_loss: float | None
    size_bytes: int
    sha256: str
    is_best: bool
    """True when it has the lowest validation loss so far."""
    is_last: bool = True


class CheckpointRemoved(_Event):
    """An older checkpoint was deleted to keep to the configured number."""

    kind: Literal["checkpoint_removed"] = "checkpoint_removed"
    path: str


class FitFinished(_Event):
    """The fit ended by itself or by request: completed, stopped early, or cancelled."""

    kind: Literal["fit_finished"] = "fit_finished"
    reason: Reason
    message: str
    metrics: dict[str, float | None] = {}
    verdict: Verdict | None = None
    """None where the fit was cancelled."""
    leaks: LeakCheck | None = None
    """None where the fit was cancelled."""


class FitFailed(_Event):
    """The fit ended by a fault; ``message`` is a sentence that says what to change."""

    kind: Literal["fit_failed"] = "fit_failed"
    reason: Reason
    message: str
    fields: dict[str, str] = {}
    """Field paths at fault, where the configuration is the cause."""
    asked_bytes: int | None = None
    """Where memory ran out: how much more was asked for, if that is known."""
    free_bytes: int | None = None
    """And how much there was."""


Event = (
    FitStarted
    | BaselinesScored
    | StepTaken
    | EpochFinished
    | RolledBack
    | CheckpointSaved
    | CheckpointRemoved
    | FitFinished
    | FitFailed
)

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])


def to_line(event: Event) -> bytes:
    """One event as one line of UTF-8 JSON, newline included."""
    return event.model_dump_json().encode() + b"\n"


def from_line(line: bytes | str) -> Event:
    """The event of one line. Raises ``pydantic.ValidationError`` when it is not one."""
    return _ADAPTER.validate_json(line)


def to_payload(event: Event) -> dict[str, Any]:
    """The event's fields but ``kind`` and ``at``, as plain JSON values (non-finite as strings)."""
    # model_dump(mode="json") keeps NaN as a float; only the JSON text spells it as a string.
    payload: dict[str, Any] = json.loads(event.model_dump_json(exclude={"kind", "at"}))
    return payload
