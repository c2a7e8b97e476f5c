"""The routes of runs: create, list, read, delete, and what they left."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from ninja import Query, Router, Schema, Status
from pydantic import AfterValidator, Field, StringConstraints

from runs_app.api.body import read_json, split_run_request
from runs_app.api.download import download
from runs_app.api.made_files import MetricFormat, metric_format, metrics_file
from runs_app.api.problems import BadRequest, Problems, Refusal, config_told, disk_told
from runs_app.api.representations import (
    ArtifactList,
    History,
    LogPage,
    ReportOut,
    RunCreated,
    RunDetail,
    RunList,
    artifact_list,
    event_entry,
    log_page,
    report_document,
    run_created,
    run_detail,
    run_summary,
)
from runs_app.api.request_document import request_document
from runs_app.choices import EventKind, Judged, RunStatus
from runs_app.errors import RunNotFound
from runs_app.forecasting.errors import FieldError
from runs_app.models import TrainingRun
from runs_app.queries import get_run
from runs_app.queueing.turns import turns_of
from runs_app.run_table.columns import SORTS
from runs_app.run_table.limits import read_limits
from runs_app.run_table.wanted import RunFilter, filter_runs
from runs_app.services.labels import MAX_TAGS, is_tag
from runs_app.services.launch import launch_run
from runs_app.services.report import read_report
from runs_app.services.trash import trash_run

router = Router(tags=["runs"])


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("holds a character that cannot be printed")
    return text


Word = Annotated[str, StringConstraints(max_length=200), AfterValidator(_printable)]


class RunQuery(Schema):
    """What part of the list is wanted."""

    limit: int = Field(50, ge=1, le=500, description="Runs in the answer.")
    offset: int = Field(0, ge=0, le=10_000_000, description="Runs left out before the first.")
    status: list[str] = Field([], description=f"One or several of {', '.join(RunStatus.values)}.")
    search: Word = Field("", description="Part of a run's name, id, tags or note.")
    outcome: list[str] = Field([], description=f"One or several of {', '.join(Judged.values)}.")
    group: Word = Field("", description="Public id of a group.")
    tag: list[str] = Field([], description="A run has all of them.")
    data: str = Field("", max_length=500, description="Candle file, relative to DATA_ROOT.")
    preset: Literal["", "tiny", "base", "medium", "large"] = ""
    created_from: date | None = Field(None, description="First day, in UTC.")
    created_until: date | None = Field(None, description="Last day, in UTC.")
    where: str = Field("", description="Ranges such as `val_loss < 1.4, duration > 2h`.")
    archived: Literal["hidden", "only", "with"] = "hidden"
    sort: str = Field("created", description="A column of the run table, such as `val_loss`.")
    dir: Literal["asc", "desc"] = "desc"


class EventQuery(Schema):
    """What part of a run's log is wanted."""

    after: int = Field(0, ge=0, le=2**62, description="Only entries with a larger seq.")
    limit: int = Field(10_000, ge=1, le=100_000, description="Entries in the answer.")


class MetricsQuery(EventQuery):
    """What part of a run's metrics is wanted, and in which form."""

    format: Literal["", "json", "csv", "parquet"] = Field("", description="Instead of Accept.")


def find_run(uid: str) -> TrainingRun:
    """The run of an address. Raises ``RunNotFound``."""
    if not (uid.isascii() and uid.isalnum()):
        raise RunNotFound("There is no run of this id.")
    return get_run(uid)


@router.post(
    "/runs",
    response={201: RunCreated, 413: Problems, 415: Problems, 422: Problems, 507: Refusal},
    openapi_extra=request_document(),
    summary="Create and start a run",
)
def create(request: HttpRequest, response: HttpResponse) -> Status[dict[str, Any]]:
    """Store a run; a worker starts it as soon as a slot is free."""
    config, name = split_run_request(read_json(request))
    with config_told("name"), disk_told():
        run = launch_run(config, name=name)
    response["Location"] = f"/runs/{run.uid}"
    return Status(201, run_created(run))


def _filter(wanted: RunQuery) -> RunFilter:
    """The query as the run table has it. Raises ``BadRequest``."""
    limits, problems = read_limits(wanted.where)
    faults = [FieldError("where", problem) for problem in problems]
    for name, given, known in (
        ("status", wanted.status, RunStatus.values),
        ("outcome", wanted.outcome, Judged.values),
    ):
        if any(one and one not in known for one in given):
            words = ", ".join(f"'{one}'" for one in known)
            faults.append(FieldError(name, f"must be one or several of {words}"))
    if not all(is_tag(tag) for tag in wanted.tag) or len(wanted.tag) > MAX_TAGS:
        faults.append(FieldError("tag", f"must be at most {MAX_TAGS} tags as runs have them"))
    if wanted.sort not in SORTS:
        faults.append(FieldError("sort", f"must be one of {', '.join(SORTS)}"))
    if "\x00" in wanted.data:
        faults.append(FieldError("data", "holds a character that cannot be printed"))
    if faults:
        raise BadRequest(faults)
    return RunFilter(
        search=wanted.search,
        statuses=tuple(wanted.status),
        outcomes=tuple(wanted.outcome),
        group=wanted.group,
        tags=tuple(tag.lower() for tag in wanted.tag),
        data=wanted.data,
        preset=wanted.preset,
        created_from=wanted.created_from,
        created_until=wanted.created_until,
        limits=limits,
        archived=wanted.archived,
        sort=wanted.sort,
        descending=wanted.dir == "desc",
    )


@router.get("/runs", response={200: RunList, 422: Problems}, summary="List runs")
def index(request: HttpRequest, wanted: Query[RunQuery]) -> dict[str, Any]:
    """Runs with their status and latest metrics, the newest first unless ``sort`` is given."""
    runs = filter_runs(_filter(wanted))
    unread = ("config", "request", "verdict", "leaks", "group__config")
    found = runs.select_related("group").defer(*unread)
    page = list(found[wanted.offset : wanted.offset + wanted.limit])
    turns = turns_of(page)
    return {
        "runs": [run_summary(run, turns.get(run.pk)) for run in page],
        "total": runs.count(),
        "limit": wanted.limit,
        "offset": wanted.offset,
    }


@router.get("/runs/{uid}", response={200: RunDetail, 404: Refusal}, summary="Read a run")
def detail(request: HttpRequest, uid: str) -> dict[str, Any]:
    """A run with its verdict, configuration, latest metrics and checkpoints."""
    return run_detail(find_run(uid))


@router.delete(
    "/runs/{uid}",
    response={202: RunDetail, 204: None, 404: Refusal, 409: Refusal},
    summary="Move a run to the trash",
)
def delete(
    request: HttpRequest,
    uid: str,
    cancel: bool = False,  # noqa: FBT001, FBT002 - the framework reads a query parameter from it
) -> Status[Any]:
    """One that has not ended is refused; with ``cancel=true`` it is cancelled first.

    202 says that it goes to the trash when it has stopped. Deleting it for good is
    ``DELETE /trash/{uid}``.
    """
    run = trash_run(find_run(uid).uid, cancel=cancel)
    return Status(204, None) if run.is_trashed else Status(202, run_detail(run))


def _known(run: TrainingRun, after: int) -> None:
    """Raises ``BadRequest`` for the number of an event that this run does not have."""
    if after > run.last_seq:
        newest = f"the newest event of this run has number {run.last_seq}"
        raise BadRequest([FieldError("after", f"is {after}, but {newest}: begin again with 0")])


@router.get(
    "/runs/{uid}/metrics",
    response={200: History, 404: Refusal, 422: Problems},
    summary="Read the history of a run's metrics",
)
def metrics(request: HttpRequest, uid: str, wanted: Query[MetricsQuery]) -> Any:
    """Every metric point in order, with the number, the time and the attempt of its event.

    CSV and Parquet (`?format=`, or the Accept header) hold every value of the run so far, one row
    each: `seq attempt time epoch step name value`. `after` and `limit` are for JSON alone.
    """
    run = find_run(uid)
    form = metric_format(request, wanted.format)
    if form is not MetricFormat.JSON:
        return metrics_file(run, form)
    _known(run, wanted.after)
    rows = run.events.filter(kind=EventKind.METRICS, seq__gt=wanted.after).order_by("seq")
    found = list(rows[: wanted.limit + 1])
    shown = found[: wanted.limit]
    return {
        "points": [event_entry(event) for event in shown],
        "last_seq": shown[-1].seq if shown else wanted.after,
        "complete": len(found) <= wanted.limit,
    }


@router.get(
    "/runs/{uid}/logs",
    response={200: LogPage, 404: Refusal, 422: Problems},
    summary="Read a run's console",
)
def logs(request: HttpRequest, uid: str, wanted: Query[EventQuery]) -> dict[str, Any]:
    """The trainer's console lines in order, numbered from 1 in each attempt.

    One event holds several lines and is never torn, so that an answer may have more than `limit`
    lines, or fewer where they are long.
    """
    run = find_run(uid)
    _known(run, wanted.after)
    return log_page(run, wanted.after, wanted.limit)


@router.get(
    "/runs/{uid}/artifacts",
    response={200: ArtifactList, 404: Refusal},
    summary="List a run's files",
)
def artifacts(request: HttpRequest, uid: str) -> dict[str, Any]:
    """Configuration, checkpoints, metrics, predictions and logs, with size and SHA-256."""
    return artifact_list(find_run(uid))


@router.get(
    "/runs/{uid}/report",
    response={200: ReportOut, 404: Refusal},
    summary="Read a run's report",
)
def report(request: HttpRequest, uid: str) -> dict[str, Any]:
    """How a completed run did on the test part: verdict, scores, calibration, trading, plots."""
    return report_document(read_report(find_run(uid)))


_FILE: dict[str, Any] = {
    "responses": {
        200: {
            "description": "The file",
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    }
}


@router.api_operation(
    ["GET", "HEAD"],
    "/runs/{uid}/artifacts/{path:artifact_path}",
    response={404: Refusal},
    openapi_extra=_FILE,
    summary="Download a run's file",
)
def artifact(request: HttpRequest, uid: str, artifact_path: str) -> HttpResponseBase:
    """The file as an attachment. One range may be asked for; the ETag tells a changed file."""
    return download(request, find_run(uid), artifact_path)
