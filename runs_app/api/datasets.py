"""The routes of data sets."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema, Status

from runs_app.api.body import read_json, split_run_request
from runs_app.api.data_set_shapes import Answers, DataSetDetail, DataSetList, data_set
from runs_app.api.problems import BadRequest, Problems, Refusal, located
from runs_app.forecasting.data.ledger_rows import RowLedger
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.services.datasets import answer, find_data_set, list_data_sets, report_of
from runs_app.services.footprint import room_for
from runs_app.services.rows import rows_of

router = Router(tags=["data sets"])


@router.get("/datasets", response=DataSetList, summary="List data sets")
def index(request: HttpRequest) -> dict[str, Any]:
    """The candle files inside DATA_ROOT and what was found in them."""
    return {"datasets": [data_set(row) for row in list_data_sets()]}


class RoomOut(Schema):
    """Bytes on disk: what a run would take at most, and what there is."""

    expected_bytes: int
    checkpoint_bytes: int
    checkpoints: int
    free_bytes: int
    fits: bool


class Rows(RowLedger):
    """Where the rows of a run would go, and what it would take on disk."""

    disk: RoomOut


@router.post(
    "/datasets/rows",
    response={200: Rows, 422: Problems},
    summary="Count the rows a run would use",
)
def rows(request: HttpRequest) -> dict[str, Any]:
    """Takes the body of a request to create a run and creates none: where its rows would go."""
    config, _ = split_run_request(read_json(request))
    try:
        room = room_for(config)
        disk = {
            "expected_bytes": room.total,
            "checkpoint_bytes": room.one.checkpoint,
            "checkpoints": room.one.checkpoints,
            "free_bytes": room.disk.free,
            "fits": room.fits,
        }
        return {**rows_of(config).model_dump(), "disk": disk}
    except ConfigInvalid as invalid:
        raise BadRequest([located(error) for error in invalid.errors]) from invalid


@router.get(
    "/datasets/{int:pk}",
    response={200: DataSetDetail, 404: Refusal},
    summary="Read a data set's report",
)
def detail(request: HttpRequest, pk: int) -> dict[str, Any]:
    """What was understood of the file, what is missing, wrong or odd in it."""
    row = find_data_set(pk)
    return {**data_set(row), "report": report_of(row)}


@router.post(
    "/datasets/{int:pk}",
    response={202: DataSetDetail, 404: Refusal, 422: Problems},
    summary="Answer what a file leaves open",
)
def tell(request: HttpRequest, pk: int, answers: Answers) -> Status[dict[str, Any]]:
    """The file is read again with these answers; ask for it until it is no longer waiting."""
    row = find_data_set(pk)
    try:
        answer(row, answers.date_order, answers.column_order)
    except ConfigInvalid as invalid:
        raise BadRequest(invalid.errors) from invalid
    row.refresh_from_db()
    return Status(202, {**data_set(row), "report": None})
