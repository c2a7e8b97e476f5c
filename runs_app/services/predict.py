"""Ask for forecasts of the newest candles with a run's model."""

from __future__ import annotations

from runs_app.choices import JobKind, JobState
from runs_app.errors import DataSourceNotFound, NoCheckpoint
from runs_app.execution.core_process import CoreFailed
from runs_app.execution.jobs import submit
from runs_app.execution.predicting import checkpoint_of, forecast_file
from runs_app.forecasting.errors import ConfigInvalid, FieldError
from runs_app.forecasts import ForecastRow, read_rows, read_table
from runs_app.models import Job, TrainingRun
from runs_app.services.datasets import resolve_source
from runs_app.services.launch import refuse_full
from runs_app.services.run_files import open_run_file
from runs_app.services.trash import refuse_trashed

MAX_DECISIONS = 1000
"""Newest decisions of one prediction; the core's command line takes more."""


def request_prediction(run: TrainingRun, *, source: str, last: int, repair: bool = False) -> Job:
    """Record a prediction; a worker makes it in a process of its own.

    ``source`` names a data set or a file inside DATA_ROOT, ``last`` is how many of the newest
    decisions. Raises ``NoCheckpoint``, ``RunInTrash``, ``DiskFull``, and ``ConfigInvalid`` with the
    fields at fault.
    """
    refuse_trashed(run)
    refuse_full()
    try:
        checkpoint_of(run)
    except CoreFailed as error:
        raise NoCheckpoint(str(error)) from error
    errors = []
    path = ""
    if not 1 <= last <= MAX_DECISIONS:
        errors.append(FieldError("last", f"must be from 1 to {MAX_DECISIONS:,}, not {last:,}"))
    try:
        path = resolve_source(source)
    except DataSourceNotFound as error:
        errors.append(FieldError("source", str(error)))
    if errors:
        raise ConfigInvalid(errors)
    wish = {"source": source, "path": path, "last": last, "repair": repair}
    return submit(JobKind.PREDICTION, wish, run=run)


def request_export(run: TrainingRun) -> Job:
    """Record that the model is to be written as safetensors and ONNX.

    Raises ``NoCheckpoint``, ``RunInTrash`` and ``DiskFull``.
    """
    refuse_trashed(run)
    refuse_full()
    try:
        checkpoint_of(run)
    except CoreFailed as error:
        raise NoCheckpoint(str(error)) from error
    return submit(JobKind.EXPORT, {}, run=run)


def prediction_rows(run: TrainingRun, job: Job) -> list[ForecastRow]:
    """What a prediction says, oldest decision first; nothing until it is done.

    Raises ``ArtifactNotFound`` where its file is gone or damaged.
    """
    if job.state != JobState.DONE:
        return []
    found = open_run_file(run, forecast_file(job))
    with found.file:
        return read_rows(read_table(found.file))
