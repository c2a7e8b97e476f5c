"""Data sets as JSON, in the shapes the OpenAPI document shows."""

from __future__ import annotations

from typing import Any

from ninja import Schema

from runs_app.api.representations import time_text
from runs_app.forecasting.data.report import DataReport
from runs_app.models import DataSet


class DataSetOut(Schema):
    """A candle file inside DATA_ROOT.

    ``state`` is waiting, reading, usable, repairable, question or refused; ``origin`` is empty for
    a file that was put there, else import, upload or fetch; ``provenance`` says of a fetched one
    exchange, symbol, timeframe, and when and from when it was fetched; ``bars`` and the dates
    are those with repair where it takes repair. ``candles_sha256`` is the fingerprint by which runs
    name their data.
    """

    id: int
    name: str
    path: str
    size_bytes: int
    timeframe: str
    bars: int | None
    first_open: str | None
    last_open: str | None
    problem: str
    synthetic: bool
    state: str
    date_order: str
    column_order: str
    source_sha256: str
    candles_sha256: str
    parquet_sha256: str
    parquet_bytes: int | None
    origin: str
    provenance: dict[str, Any]


class DataSetCreated(DataSetOut):
    """An uploaded data set; ``note`` says where its file got another name."""

    note: str


class DataSetDetail(DataSetOut):
    """The same with the data report; null until the file has been read."""

    report: DataReport | None


class Answers(Schema):
    """What a person says about a file that leaves it open; ``auto`` lets the file tell."""

    date_order: str = "auto"
    column_order: str = "auto"


class DataSetList(Schema):
    """All data sets by name."""

    datasets: list[DataSetOut]


def data_set(row: DataSet) -> dict[str, Any]:
    """A data set with what was found in its file."""
    return {
        "id": row.pk,
        "name": row.name,
        "path": row.path,
        "size_bytes": row.size_bytes,
        "timeframe": row.timeframe,
        "bars": row.bars,
        "first_open": time_text(row.first_open),
        "last_open": time_text(row.last_open),
        "problem": row.problem,
        "synthetic": row.synthetic,
        **{
            name: getattr(row, name)
            for name in (
                "state",
                "date_order",
                "column_order",
                "source_sha256",
                "candles_sha256",
                "parquet_sha256",
                "parquet_bytes",
                "origin",
                "provenance",
            )
        },
    }
