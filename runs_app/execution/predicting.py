"""A prediction job: which checkpoint, which candles, where the forecasts go."""

from __future__ import annotations

import shutil
from pathlib import Path

from django.conf import settings

from runs_app.choices import JobKind
from runs_app.execution import job_claims, run_directory
from runs_app.execution.core_process import Command, CoreFailed
from runs_app.forecasting.events import CHECKPOINT_DIR
from runs_app.forecasting.whole_file import EXPORT_DRAFT, draft_of
from runs_app.models import Job, TrainingRun

MODULE = "runs_app.forecasting.prediction"
FORECAST_DIR = "forecasts"
EXPORT_DIR = "export"
CHECKPOINTS = ("best.ckpt", "last.ckpt")
"""Names of the checkpoint to use, the first that is there."""


def command(job: Job) -> Command:
    """``arguments``: ``path`` (relative to DATA_ROOT), ``last``, ``repair``."""
    run = _run_of(job)
    candles = Path(settings.DATA_ROOT).resolve() / job.arguments["path"]
    out = run_directory.path_of(run.uid) / forecast_file(job)
    out.parent.mkdir(exist_ok=True)
    return command_of(
        checkpoint_of(run),
        candles,
        out,
        last=job.arguments["last"],
        repair=job.arguments["repair"],
    )


def command_of(checkpoint: Path, candles: Path, out: Path, *, last: int, repair: bool) -> Command:
    """Forecast the ``last`` newest decisions with a checkpoint, into a Parquet file."""
    flags = ("--repair",) if repair else ()
    return Command(
        MODULE,
        ("predict", str(checkpoint), str(candles), "--out", str(out), "--last", str(last), *flags),
    )


def export_job(job: Job) -> Command:
    """Write the run's model into its folder ``EXPORT_DIR``."""
    run = _run_of(job)
    return export_command(checkpoint_of(run), run_directory.path_of(run.uid) / EXPORT_DIR)


def export_command(checkpoint: Path, folder: Path) -> Command:
    """Write a checkpoint as safetensors and ONNX into a folder."""
    return Command(MODULE, ("export", str(checkpoint), str(folder)))


def _run_of(job: Job) -> TrainingRun:
    """The run of a job that was claimed. Whoever purges a run looks for claimed jobs first."""
    if job.run is None:
        raise CoreFailed("The run was deleted.")
    if job.run.is_trashed:
        raise CoreFailed("The run is in the trash. Restore it, then ask again.")
    return job.run


def forecast_file(job: Job) -> str:
    """The file of a prediction's last attempt, relative to the run directory.

    Each attempt has its own, so that none that is judged lost can write into that of the next.
    """
    again = f"-{job.attempt}" if job.attempt > 1 else ""
    return f"{FORECAST_DIR}/{job.uid}{again}.parquet"


def clear(job: Job) -> None:
    """Remove the file of this attempt, and what it had not finished."""
    if job.run:
        file = run_directory.path_of(job.run.uid) / forecast_file(job)
        draft_of(file).unlink(missing_ok=True)
        file.unlink(missing_ok=True)


def clear_export(job: Job) -> None:
    """Remove what exports of the run have not finished, unless another one is at work."""
    if job.run and not job_claims.working().filter(run=job.run, kind=JobKind.EXPORT).exists():
        folder = run_directory.path_of(job.run.uid) / EXPORT_DIR
        for draft in folder.glob(f"{EXPORT_DRAFT}*"):
            shutil.rmtree(draft, ignore_errors=True)


def checkpoint_of(run: TrainingRun) -> Path:
    """The best checkpoint of a run, else the last. Raises ``CoreFailed`` where it has none."""
    folder = run_directory.path_of(run.uid) / CHECKPOINT_DIR
    for name in CHECKPOINTS:
        if (folder / name).is_file():
            return folder / name
    raise CoreFailed(f"Run {run.uid} has no checkpoint yet, so there is nothing to forecast with.")
