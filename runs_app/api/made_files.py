"""Files that are made while they are sent: a run's metrics as a table, a whole run as a zip."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator
from enum import StrEnum
from typing import TypeVar

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header

from runs_app.errors import ReportMissing
from runs_app.execution.passport import passport_of
from runs_app.forecasting.passport import PASSPORT_FILE, to_json
from runs_app.forecasts import find_prediction
from runs_app.models import TrainingRun
from runs_app.services.metric_table import as_csv, as_parquet
from runs_app.services.plot_tables import fan_table, plot_table
from runs_app.services.report import read_report
from runs_app.services.run_zip import Checkpoints, run_zip, zip_name

CSV = "text/csv; charset=utf-8"
PARQUET = "application/vnd.apache.parquet"

Answer = TypeVar("Answer", HttpResponse, StreamingHttpResponse)


class MetricFormat(StrEnum):
    """In which form metrics are asked for."""

    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


class Pieces:
    """Bytes made one piece at a time, in the thread that has the request's database connection.

    The next piece is made when the one before has been taken (``aistempre.pacing``).
    """

    def __init__(self, made: Iterator[bytes]) -> None:
        self._made = made

    async def __aiter__(self) -> AsyncIterator[bytes]:
        take = sync_to_async(self._next, thread_sensitive=True)
        while (piece := await take()) is not None:
            yield piece

    def _next(self) -> bytes | None:
        return next(self._made, None)

    def close(self) -> None:
        """Called by Django when the response is done or given up."""
        if isinstance(self._made, Generator):
            self._made.close()


def metric_format(request: HttpRequest, asked: str) -> MetricFormat:
    """The form that ``?format=`` names, else the one of the Accept header, else JSON."""
    if asked:
        return MetricFormat(asked)
    accepted = request.headers.get("Accept", "").partition(",")[0].partition(";")[0].strip()
    return {"text/csv": MetricFormat.CSV, PARQUET: MetricFormat.PARQUET}.get(
        accepted, MetricFormat.JSON
    )


def metrics_file(run: TrainingRun, form: MetricFormat) -> StreamingHttpResponse:
    """Every metric value of the run so far, as CSV or as Parquet."""
    name = f"{run.uid}-metrics.{form}"
    if form is MetricFormat.PARQUET:
        return _streamed(as_parquet(run), name, PARQUET)
    return _streamed(as_csv(run), name, CSV)


def export_zip(run: TrainingRun, checkpoints: Checkpoints) -> StreamingHttpResponse:
    """The whole run."""
    return _streamed(run_zip(run, checkpoints), f"{zip_name(run)}.zip", "application/zip")


def passport_file(run: TrainingRun) -> HttpResponse:
    """The passport as the run stands now."""
    response = HttpResponse(to_json(passport_of(run)), content_type="application/json")
    return _attached(response, f"{run.uid}-{PASSPORT_FILE}")


def plot_file(run: TrainingRun, name: str) -> HttpResponse:
    """One plot of the report as CSV. Raises ``ReportMissing``."""
    content = plot_table(read_report(run).report, name).as_csv()
    return _attached(HttpResponse(content, content_type=CSV), f"{run.uid}-{name}.csv")


def prediction_fan(run: TrainingRun, job_uid: str) -> HttpResponse:
    """The fan of one prediction as CSV. Raises ``PredictionNotFound`` and ``ReportMissing``."""
    chart = find_prediction(run, job_uid).facts.get("chart")
    if not chart:
        raise ReportMissing("This prediction has no plot yet.")
    content = fan_table(chart).as_csv()
    return _attached(HttpResponse(content, content_type=CSV), f"{run.uid}-{job_uid}-fan.csv")


def _streamed(made: Iterator[bytes], name: str, kind: str) -> StreamingHttpResponse:
    return _attached(StreamingHttpResponse(Pieces(made), content_type=kind), name)


def _attached(response: Answer, name: str) -> Answer:
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    disposition = content_disposition_header(as_attachment=True, filename=name)
    if disposition is not None:
        response["Content-Disposition"] = disposition
    return response
