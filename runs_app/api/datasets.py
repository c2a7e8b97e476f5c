"""The routes of data sets."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Status

from runs_app.api.body import read_json, split_run_request
from runs_app.api.data_set_shapes import Answers, DataSetDetail, DataSetList, data_set
from runs_app.api.problems import BadRequest, Problems, Refusal, located
from runs_app.forecasting.data.ledger_rows import RowLedger
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.services.datasets import answer, find_data_set, list_data_sets, report_of
from runs_app.services.rows import rows_of

router = Router(tags=["data sets"])


@router.get("/datasets", response=DataSetList, summary="List data sets")
def index(request: HttpRequest) -> dict[str, Any]:
    """The candle files inside DATA_ROOT and what was found in them."""
    return {"datasets": [data_set(row) for row in list_data_sets()]}


@router.post(
    "/datasets/rows",
    response={200: RowLedger, 422: Problems},
    summary="Count the rows a run would use",
)
def rows(request: HttpRequest) -> RowLedger:
    """Takes the body of a request to create a run and creates none: where its rows would go."""
    config, _ = split_run_request(read_json(request))
    try:
        return rows_of(config)
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
