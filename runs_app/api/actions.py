"""The routes that do something with a run: cancel, resume, retry, clone, branch, and pins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router, Status

from runs_app.api.body import read_changes
from runs_app.api.problems import BadRequest, Problems, Refusal, disk_told
from runs_app.api.representations import (
    CheckpointOut,
    RunCreated,
    RunDetail,
    checkpoint,
    run_created,
    run_detail,
)
from runs_app.api.request_document import branch_document, clone_document
from runs_app.api.runs import find_run
from runs_app.forecasting.errors import ConfigInvalid, FieldError
from runs_app.models import TrainingRun
from runs_app.services.branch import branch_run
from runs_app.services.cancel import cancel_run
from runs_app.services.checkpoints import pin_checkpoint
from runs_app.services.clone import clone_run
from runs_app.services.resume import resume_run
from runs_app.services.retry import retry_run

router = Router(tags=["runs"])


@contextmanager
def _changes_told() -> Iterator[None]:
    """What is wrong with the changes is a 422 under their own names."""
    try:
        yield
    except ConfigInvalid as invalid:
        raise BadRequest(invalid.errors) from invalid


_COPIED: Any = {
    201: RunCreated, 404: Refusal, 409: Refusal, 413: Problems, 415: Problems, 422: Problems,
    507: Refusal,
}  # fmt: skip


@router.post(
    "/runs/{uid}/cancel",
    response={200: RunDetail, 404: Refusal, 409: Refusal},
    summary="Cancel a run; a second time, kill it",
)
def cancel(request: HttpRequest, uid: str) -> dict[str, Any]:
    """A pending run is cancelled at once; a running one finishes its batch and saves first.

    Asked again, a second later or more, it is ended without waiting for it to save.
    """
    return run_detail(cancel_run(find_run(uid).uid))


@router.post(
    "/runs/{uid}/resume",
    response={200: RunDetail, 404: Refusal, 409: Refusal},
    summary="Go on with a run",
)
def resume(request: HttpRequest, uid: str) -> dict[str, Any]:
    """A cancelled or failed run goes on from its newest checkpoint, as the same run."""
    return run_detail(resume_run(find_run(uid).uid))


@router.post(
    "/runs/{uid}/retry",
    response={200: RunDetail, 404: Refusal, 409: Refusal},
    summary="Try a run once more",
)
def retry(request: HttpRequest, uid: str) -> dict[str, Any]:
    """A run that its machine ended is queued again, as the same run, from a checkpoint or anew."""
    return run_detail(retry_run(find_run(uid).uid))


@router.post(
    "/runs/{uid}/clone",
    response=_COPIED,
    openapi_extra=clone_document(),
    summary="Start a new run with a run's settings",
)
def clone(request: HttpRequest, response: HttpResponse, uid: str) -> Status[dict[str, Any]]:
    """The body may be empty; what it names differs from the run that is cloned."""
    run = find_run(uid)
    changes = read_changes(request)
    name = changes.pop("name", None)
    with _changes_told(), disk_told():
        return _created(response, clone_run(run.uid, changes, name=name))


@router.post(
    "/runs/{uid}/branch",
    response=_COPIED,
    openapi_extra=branch_document(),
    summary="Start a new run from a run's weights",
)
def branch(request: HttpRequest, response: HttpResponse, uid: str) -> Status[dict[str, Any]]:
    """As clone, but training begins with the weights of a checkpoint: the best one, else the last.

    The network, its inputs and the kind of its loss stay those of the run.
    """
    run = find_run(uid)
    changes = read_changes(request)
    name, wanted = changes.pop("name", None), changes.pop("checkpoint", "")
    if not isinstance(wanted, str):
        raise BadRequest([FieldError("checkpoint", "must be the name of a checkpoint")])
    with _changes_told(), disk_told():
        return _created(response, branch_run(run.uid, wanted, changes, name=name))


@router.post(
    "/runs/{uid}/checkpoints/{name}/pin",
    response={200: CheckpointOut, 404: Refusal, 409: Refusal, 507: Refusal},
    summary="Keep a checkpoint",
)
def pin(request: HttpRequest, uid: str, name: str) -> dict[str, Any]:
    """It stays on disk whatever its score; also while the run trains."""
    return _pin(uid, name, pinned=True)


@router.post(
    "/runs/{uid}/checkpoints/{name}/unpin",
    response={200: CheckpointOut, 404: Refusal, 409: Refusal, 507: Refusal},
    summary="Keep a checkpoint no longer",
)
def unpin(request: HttpRequest, uid: str, name: str) -> dict[str, Any]:
    """The trainer may remove it when there are better ones."""
    return _pin(uid, name, pinned=False)


def _pin(uid: str, name: str, *, pinned: bool) -> dict[str, Any]:
    run = find_run(uid)
    with disk_told():
        return checkpoint(pin_checkpoint(run.uid, name, pinned=pinned), run.uid)


def _created(response: HttpResponse, run: TrainingRun) -> Status[dict[str, Any]]:
    response["Location"] = f"/runs/{run.uid}"
    return Status(201, run_created(run))
