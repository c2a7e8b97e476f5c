"""Errors of the API: ``{"detail": "..."}``, or a list of problems with the path of each field."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Schema
from ninja.errors import HttpError, ValidationError

from runs_app.errors import (
    ArtifactNotFound,
    ChartMissing,
    CheckpointNotFound,
    DataSetInUse,
    DataSetNotFound,
    DataSetNotOurs,
    DiskFull,
    FetchNotFound,
    GroupNotFound,
    LeakCheckNotFound,
    PredictionNotFound,
    RehearsalNotFound,
    ReportMissing,
    RunError,
    RunNotCancellable,
    RunNotFound,
    RunNotResumable,
    RunNotWaiting,
    RunStillLive,
    SlotNotFound,
    UploadRefused,
)
from runs_app.forecasting.config.faults import sentence
from runs_app.forecasting.errors import ConfigInvalid, FieldError


class Problem(Schema):
    """One thing that is wrong with a request."""

    loc: list[str | int]
    path: str
    msg: str


class Problems(Schema):
    """Answer 422: everything that is wrong with a request."""

    detail: list[Problem]


class Refusal(Schema):
    """Answer 404, 409 or 413: one sentence."""

    detail: str


class BadRequest(Exception):
    """The request is wrong in these places; answered with 422, or 413 when it is too large."""

    def __init__(self, errors: list[FieldError], *, status: int = 422) -> None:
        self.errors = errors
        self.status = status
        super().__init__(str(ConfigInvalid(errors)))


_STATUS: dict[type[RunError], int] = {
    RunNotFound: 404,
    GroupNotFound: 404,
    ArtifactNotFound: 404,
    ReportMissing: 404,
    DataSetNotFound: 404,
    FetchNotFound: 404,
    ChartMissing: 404,
    DataSetInUse: 409,
    DataSetNotOurs: 409,
    PredictionNotFound: 404,
    LeakCheckNotFound: 404,
    RehearsalNotFound: 404,
    CheckpointNotFound: 404,
    SlotNotFound: 404,
    RunNotCancellable: 409,
    RunNotResumable: 409,
    RunNotWaiting: 409,
    RunStillLive: 409,
    DiskFull: 507,
}


@contextmanager
def config_told(*beside: str) -> Iterator[None]:
    """A faulty ``config`` is a 422 with paths from the body's root, where ``beside`` stand too."""
    try:
        yield
    except ConfigInvalid as invalid:
        raise BadRequest([_located(error, beside) for error in invalid.errors]) from invalid


@contextmanager
def disk_told() -> Iterator[None]:
    """Files that cannot be written are a 507."""
    try:
        yield
    except OSError as error:
        raise HttpError(507, f"The run's files cannot be written: {error.strerror}.") from error


def _located(error: FieldError, beside: tuple[str, ...]) -> FieldError:
    if error.path in beside:
        return error
    return FieldError(f"config.{error.path}" if error.path else "config", error.message)


def problems(errors: list[FieldError]) -> dict[str, Any]:
    """The body of a 422: each error with its path, as text and in parts."""
    return {
        "detail": [
            {
                "loc": [int(part) if part.isdigit() else part for part in error.path.split(".")],
                "path": error.path,
                "msg": error.message,
            }
            for error in errors
        ]
    }


def add_handlers(api: NinjaAPI) -> None:
    """Answer the errors of the application in one shape."""

    def bad_request(request: HttpRequest, error: Any) -> HttpResponse:
        return api.create_response(request, problems(error.errors), status=error.status)

    def run_error(request: HttpRequest, error: Any) -> HttpResponse:
        status = _STATUS.get(type(error), 409)
        return api.create_response(request, {"detail": str(error)}, status=status)

    def upload_refused(request: HttpRequest, error: Any) -> HttpResponse:
        return api.create_response(request, {"detail": str(error)}, status=error.status)

    def parameters(request: HttpRequest, error: Any) -> HttpResponse:
        # Ninja puts the place first: ("query", "limit").
        errors = [
            FieldError(".".join(str(part) for part in item["loc"][1:]), sentence(item))
            for item in error.errors
        ]
        return api.create_response(request, problems(errors), status=422)

    api.add_exception_handler(BadRequest, bad_request)
    api.add_exception_handler(RunError, run_error)
    api.add_exception_handler(UploadRefused, upload_refused)
    api.add_exception_handler(ValidationError, parameters)
