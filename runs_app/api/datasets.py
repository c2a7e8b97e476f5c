"""The routes of data sets."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from runs_app.api.body import read_json, split_run_request
from runs_app.api.data_set_shapes import (
    Answers,
    DataSetCreated,
    DataSetDetail,
    DataSetList,
    data_set,
)
from runs_app.api.problems import BadRequest, Problems, Refusal, config_told
from runs_app.forecasting.data.chart_levels import Window
from runs_app.forecasting.data.ledger_rows import RowLedger
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.services.chart import candle_window
from runs_app.services.datasets import answer, find_data_set, list_data_sets, report_of
from runs_app.services.footprint import room_for
from runs_app.services.launch import resolve
from runs_app.services.remove_dataset import remove_data_set
from runs_app.services.rows import rows_of
from runs_app.services.uploads import take_upload

router = Router(tags=["data sets"])

LATEST_MS = 32_503_680_000_000
"""The year 3000."""


class WindowWanted(Schema):
    """Which part of a chart: instants in ms since 1970 UTC, and the pixels it is drawn on."""

    from_ms: int | None = Field(None, alias="from", ge=0, le=LATEST_MS)
    to_ms: int | None = Field(None, alias="to", ge=0, le=LATEST_MS)
    width: int = Field(1200, ge=100, le=10_000)


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
    "/datasets",
    response={201: DataSetCreated, 413: Refusal, 422: Refusal, 507: Refusal},
    summary="Upload a candle file",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["file"],
                        "properties": {"file": {"type": "string", "format": "binary"}},
                    }
                }
            },
        }
    },
)
def upload(request: HttpRequest) -> Status[dict[str, Any]]:
    """The part ``file`` of a multipart form; it is read like any other file of DATA_ROOT."""
    uploaded = take_upload(request)
    return Status(201, {**data_set(uploaded.row), "note": uploaded.note})


@router.post(
    "/datasets/rows",
    response={200: Rows, 422: Problems},
    summary="Count the rows a run would use",
)
def rows(request: HttpRequest) -> dict[str, Any]:
    """Takes the body of a request to create a run and creates none: where its rows would go."""
    config, _ = split_run_request(read_json(request))
    with config_told("name"):
        room = room_for(resolve(config)[0])
        disk = {
            "expected_bytes": room.total,
            "checkpoint_bytes": room.one.checkpoint,
            "checkpoints": room.one.checkpoints,
            "free_bytes": room.disk.free,
            "fits": room.fits,
        }
        return {**rows_of(config).model_dump(), "disk": disk}


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


@router.delete(
    "/datasets/{int:pk}",
    response={204: None, 404: Refusal, 409: Refusal},
    summary="Remove a data set and its file",
)
def remove(request: HttpRequest, pk: int) -> Status[None]:
    """Only what was uploaded, fetched or imported; refused while a run waits or trains on it."""
    remove_data_set(find_data_set(pk))
    return Status(204, None)


@router.get(
    "/datasets/{int:pk}/candles",
    response={200: dict[str, Any], 404: Refusal, 422: Problems},
    summary="Read a window of the candle chart",
)
def candles(request: HttpRequest, pk: int, wanted: Query[WindowWanted]) -> dict[str, Any]:
    """Sticks of the shortest timeframe that fits the width, with EMA(20), RSI(14) and ATR(14).

    At least the sticks that open in [from, to); the whole file where neither is given.
    """
    return candle_window(find_data_set(pk), Window(wanted.from_ms, wanted.to_ms, wanted.width))
