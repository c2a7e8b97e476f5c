"""The routes of comparisons: several runs side by side, and the thinned curves of one."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from runs_app.api.problems import BadRequest, Problems, Refusal
from runs_app.api.runs import find_run
from runs_app.comparison.curves import POINTS, VALIDATION_COLUMNS, Curves, curves
from runs_app.comparison.page import ComparisonPage, comparison
from runs_app.comparison.scores import ScoreRow
from runs_app.comparison.settings import SettingRow
from runs_app.comparison.wish import read_wish
from runs_app.forecasting.errors import FieldError
from runs_app.models import TrainingRun
from runs_app.series import MOST_CURVES

router = Router(tags=["comparison"])


class CompareQuery(Schema):
    """Which runs, and how much of them."""

    ids: list[str] = Field(
        default_factory=list,
        description=f"Public ids of up to {MOST_CURVES} runs: `ids=a,b`, or `ids=a&ids=b`.",
    )
    base: str = Field("", description="The run whose settings the others are read against.")
    all: str = Field("", description="`1`: settings that do not differ, too.")
    points: int = Field(
        POINTS, ge=0, le=5000, description="Training losses of each curve; 0 leaves curves out."
    )


class CurvesQuery(Schema):
    """How much of a curve is wanted."""

    points: int = Field(POINTS, ge=10, le=5000, description="Training losses in the answer.")


class CurvesOut(Schema):
    """The curves of one run, thinned so that no spike is lost; null is not finite or not there."""

    status: str = Field(description="Of the run: a final one has no more points to come.")
    training: list[list[float | None]] = Field(description="[step, seconds trained, loss]")
    means: list[list[float | None]] = Field(
        description="The same as means of what lies between; empty where nothing was left out."
    )
    total: int = Field(description="Training losses before thinning.")
    columns: list[str] = Field(description="Of `validations`.")
    validations: list[list[float | None]]
    steps_per_epoch: int | None


class ComparedRun(Schema):
    """A run of a comparison."""

    id: str
    name: str
    status: str
    outcome: str
    url: str


class SettingOut(Schema):
    """A setting; values are as text, in the order of the runs, null where a run has none."""

    section: str
    path: str
    label: str
    differs: bool
    values: list[str | None]


class ScoreOut(Schema):
    """A score in its unit, in the order of the runs; null where a run has none."""

    part: str
    key: str
    label: str
    unit: str
    direction: str
    values: list[float | None]
    best: list[str] = Field(description="Ids of the best runs; empty where none may be marked.")


class ComparisonOut(Schema):
    """Runs side by side. ``notes`` say what may not be compared, ``problems`` what is missing."""

    runs: list[ComparedRun]
    problems: list[str]
    notes: list[str]
    settings: list[SettingOut]
    scores: list[ScoreOut]
    baselines: dict[str, dict[str, float]]
    why_no_baselines: str
    curves: dict[str, CurvesOut]


@router.get("/runs/compare", response={200: ComparisonOut, 422: Problems}, summary="Compare runs")
def compare(request: HttpRequest, wanted: Query[CompareQuery]) -> dict[str, Any]:
    """Differing settings, scores with the best one named, and curves of up to 20 runs."""
    wish = read_wish(request.GET)
    if not wish.uids:
        raise BadRequest([FieldError("ids", "names no run; write ids=ID,ID")])
    page = comparison(wish)
    if page.refused:
        raise BadRequest([FieldError("ids", page.problems[-1])])
    return _document(page, wanted.points)


@router.get(
    "/runs/{uid}/curves",
    response={200: CurvesOut, 404: Refusal, 422: Problems},
    summary="Read the curves of a run",
)
def run_curves(request: HttpRequest, uid: str, wanted: Query[CurvesQuery]) -> dict[str, Any]:
    """Loss and validation scores by step, for a chart. Every point is at `/runs/{uid}/metrics`."""
    return _curves(find_run(uid), wanted.points)


def _curves(run: TrainingRun, points: int) -> dict[str, Any]:
    found: Curves = curves(run, limit=points)
    return {
        "status": run.status,
        "training": found.training,
        "means": found.means,
        "total": found.total,
        "columns": VALIDATION_COLUMNS,
        "validations": found.validations,
        "steps_per_epoch": found.steps_per_epoch,
    }


def _document(page: ComparisonPage, points: int) -> dict[str, Any]:
    runs = [column.run for column in page.columns]
    return {
        "runs": [
            {"id": run.uid, "name": run.name, "status": run.status, "outcome": run.outcome,
             "url": f"/runs/{run.uid}"}
            for run in runs
        ],
        "problems": page.problems,
        "notes": page.notes,
        "settings": [_setting(group.title, row) for group in page.settings for row in group.rows],
        "scores": [_score(group.title, row, runs) for group in page.scores for row in group.rows],
        "baselines": page.drawn.get("baselines", {}),
        "why_no_baselines": page.drawn.get("why_no_baselines", ""),
        "curves": {run.uid: _curves(run, points) for run in runs} if points else {},
    }  # fmt: skip


def _setting(section: str, row: SettingRow) -> dict[str, Any]:
    return {
        "section": section,
        "path": row.path,
        "label": row.label,
        "differs": row.differs,
        "values": [cell.text if cell.known else None for cell in row.cells],
    }


def _score(part: str, row: ScoreRow, runs: list[TrainingRun]) -> dict[str, Any]:
    return {
        "part": part,
        "key": row.metric.key,
        "label": row.metric.label,
        "unit": row.metric.unit,
        "direction": row.metric.direction,
        "values": [cell.value for cell in row.cells],
        "best": [run.uid for run, cell in zip(runs, row.cells, strict=True) if cell.best],
    }
