"""The routes of data sets."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from runs_app.api.representations import DataSetList, data_set
from runs_app.services.datasets import list_data_sets

router = Router(tags=["data sets"])


@router.get("/datasets", response=DataSetList, summary="List data sets")
def index(request: HttpRequest) -> dict[str, Any]:
    """The candle files inside DATA_ROOT and what was found in them."""
    return {"datasets": [data_set(row) for row in list_data_sets()]}
