"""The routes of predictions: ask, list, read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema, Status
from pydantic import ConfigDict, Field

from runs_app.api.job_facts import JobFacts, job_facts
from runs_app.api.problems import BadRequest, Problems, Refusal
from runs_app.api.runs import find_run
from runs_app.choices import JobState
from runs_app.errors import PredictionNotFound
from runs_app.execution.predicting import EXPORT_DIR, forecast_file
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.forecasts import ForecastRow, find_prediction, newest_export, predictions_of
from runs_app.models import Job, TrainingRun
from runs_app.services.predict import (
    MAX_DECISIONS,
    prediction_rows,
    request_export,
    request_prediction,
)

router = Router(tags=["predictions"])


class PredictionWish(Schema):
    """What is to be forecast."""

    model_config = ConfigDict(extra="forbid")

    source: str = Field(description="A data set, or a candle file inside DATA_ROOT.")
    last: int = Field(1, description=f"Newest decisions, 1 to {MAX_DECISIONS:,}.")
    repair: bool = Field(
        default=False, description="Leave faulty rows out instead of refusing the file."
    )


class Prediction(JobFacts):
    """A prediction and how far it is."""

    id: str
    run_id: str
    state: JobState
    source: str
    last: int
    created_at: datetime
    finished_at: datetime | None
    notes: list[str] = Field(description="What was left out, what to know before using it.")
    file: str = Field(description="Address of the Parquet file; empty until it is done.")


class PredictionDetail(Prediction):
    """A prediction with its rows."""

    rows: list[ForecastRow]


class PredictionList(Schema):
    """The predictions of a run, newest first."""

    predictions: list[Prediction]


def _prediction(run: TrainingRun, job: Job) -> dict[str, Any]:
    done = job.state == JobState.DONE
    return {
        "id": job.uid,
        "run_id": run.uid,
        "state": job.state,
        "source": job.arguments.get("source", ""),
        "last": job.arguments.get("last", 0),
        "created_at": job.created_at,
        "finished_at": job.finished_at,
        **job_facts(job),
        "notes": job.facts.get("notes", []),
        "file": f"/runs/{run.uid}/artifacts/{forecast_file(job)}" if done else "",
    }


@router.post(
    "/runs/{uid}/predictions",
    response={202: Prediction, 404: Refusal, 409: Refusal, 422: Problems},
    summary="Forecast the newest candles with a run's model",
)
def ask(
    request: HttpRequest, response: HttpResponse, uid: str, wish: PredictionWish
) -> Status[dict[str, Any]]:
    """A worker makes it; ask for its address until the state is done or failed."""
    run = find_run(uid)
    try:
        job = request_prediction(run, source=wish.source, last=wish.last, repair=wish.repair)
    except ConfigInvalid as invalid:
        raise BadRequest(invalid.errors) from invalid
    response["Location"] = f"/runs/{run.uid}/predictions/{job.uid}"
    return Status(202, _prediction(run, job))


class Export(JobFacts):
    """The files of a model, and how far they are."""

    run_id: str
    state: JobState
    files: dict[str, str] = Field(description="SHA-256 of each file by its address.")
    largest_difference: float | None = Field(
        description="Of ONNX Runtime from PyTorch; the tolerance is in config.json."
    )


def _export(run: TrainingRun, job: Job) -> dict[str, Any]:
    return {
        "run_id": run.uid,
        "state": job.state,
        **job_facts(job),
        "files": {
            f"/runs/{run.uid}/artifacts/{EXPORT_DIR}/{name}": digest
            for name, digest in job.facts.get("files", {}).items()
        },
        "largest_difference": job.facts.get("onnx", {}).get("largest_difference"),
    }


@router.post(
    "/runs/{uid}/exports",
    response={202: Export, 404: Refusal, 409: Refusal},
    summary="Write a run's model as safetensors and ONNX",
)
def export(request: HttpRequest, response: HttpResponse, uid: str) -> Status[dict[str, Any]]:
    """A worker makes it; ask for the same address until the state is done or failed."""
    run = find_run(uid)
    job = request_export(run)
    response["Location"] = f"/runs/{run.uid}/exports"
    return Status(202, _export(run, job))


@router.get(
    "/runs/{uid}/exports",
    response={200: Export, 404: Refusal},
    summary="Read how far a run's newest export is",
)
def read_export(request: HttpRequest, uid: str) -> dict[str, Any]:
    """Its files, once it is done."""
    run = find_run(uid)
    job = newest_export(run)
    if job is None:
        raise PredictionNotFound(f"The model of run {run.uid} was not exported yet.")
    return _export(run, job)


@router.get(
    "/runs/{uid}/predictions",
    response={200: PredictionList, 404: Refusal},
    summary="List a run's predictions",
)
def index(request: HttpRequest, uid: str) -> dict[str, Any]:
    """Newest first."""
    run = find_run(uid)
    return {"predictions": [_prediction(run, job) for job in predictions_of(run)]}


@router.get(
    "/runs/{uid}/predictions/{prediction_id}",
    response={200: PredictionDetail, 404: Refusal},
    summary="Read a prediction",
)
def detail(request: HttpRequest, uid: str, prediction_id: str) -> dict[str, Any]:
    """Its rows, oldest decision first, once it is done."""
    run = find_run(uid)
    job = find_prediction(run, prediction_id)
    return _prediction(run, job) | {"rows": prediction_rows(run, job)}
