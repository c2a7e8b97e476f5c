"""The context of the run table's page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator

from runs_app.models import DataSet, TrainingRun
from runs_app.queries import about
from runs_app.run_table.columns import COLUMNS, DEFAULT, NAME, SORTS, Column
from runs_app.run_table.lines import RunLine, run_lines
from runs_app.run_table.wanted import RunFilter, filter_runs
from runs_app.saved_views import SavedView

MOST_TAGS = 200
"""Tags that are offered; any other can be typed."""


@dataclass(frozen=True)
class Heading:
    """The heading of a column: a link where the table can be ordered by it."""

    column: Column
    active: bool
    descending: bool
    next: str
    """What a click asks for: asc or desc; empty where it cannot be ordered by."""


@dataclass(frozen=True)
class ColumnChoice:
    """A column that may be shown."""

    column: Column
    shown: bool


@dataclass(frozen=True)
class RunListPage:
    """Context of the run table."""

    lines: list[RunLine] = about("The rows of this page of the table.")
    page: Page[TrainingRun] = about("Numbers of this, the previous and the next page.")
    wanted: RunFilter = about("Search, filter and order in force.")
    columns: list[Column] = about("The columns beside the name, in order.")
    chosen: bool = about("True where the columns are not the usual ones: then none is hidden.")
    headings: list[Heading] = about("One a column, the name's first.")
    total: int = about("Runs outside the trash, archived ones too, whatever the filter.")
    newest: int = about("Key of the newest run there is, to tell of newer ones.")


@dataclass(frozen=True)
class RunListChoices:
    """What the forms around the table offer."""

    data_sets: list[str] = about("Paths of the candle files.")
    tags: list[str] = about("Tags that runs have.")
    columns: list[ColumnChoice] = about("Every column, with whether it is shown.")
    views: list[SavedView] = about("Named views, by name.")


def run_list(wanted: RunFilter) -> RunListPage:
    """One page of the run table; a page number past the end gives the last page."""
    paginator = Paginator(filter_runs(wanted).only("pk"), wanted.rows)
    page = paginator.get_page(wanted.page)
    columns = [COLUMNS[key] for key in wanted.columns]
    return RunListPage(
        lines=run_lines([run.pk for run in page.object_list]),
        page=page,
        wanted=wanted,
        columns=columns,
        chosen=wanted.columns != DEFAULT,
        headings=[_heading(column, wanted) for column in (NAME, *columns)],
        total=all_runs(),
        newest=newest_run(),
    )


def choices(wanted: RunFilter) -> RunListChoices:
    """What may be chosen from; in a handful of small queries."""
    return RunListChoices(
        data_sets=list(DataSet.objects.values_list("path", flat=True)),
        tags=known_tags(),
        columns=[ColumnChoice(column, key in wanted.columns) for key, column in COLUMNS.items()],
        views=list(SavedView.objects.all()),
    )


def all_runs() -> int:
    """Runs outside the trash. Counted so that two small indexes answer it, whatever there is."""
    return TrainingRun.objects.count() - TrainingRun.objects.trashed().count()


def newest_run() -> int:
    """The largest key of a run that lists show."""
    newest = TrainingRun.objects.order_by("-pk").values_list("pk", flat=True).first()
    return newest or 0


def known_tags() -> list[str]:
    """The tags that runs outside the trash have, in alphabetical order."""
    sets: Any = TrainingRun.objects.exclude(tags="").order_by().values_list("tags", flat=True)
    found = {tag for tags in sets.distinct() for tag in tags.split(",") if tag}
    return sorted(found)[:MOST_TAGS]


def _heading(column: Column, wanted: RunFilter) -> Heading:
    active = wanted.sort == column.key
    descending = not wanted.descending if active else column.first_descending
    next_order = "desc" if descending else "asc"
    return Heading(column, active, wanted.descending, next_order if column.key in SORTS else "")
