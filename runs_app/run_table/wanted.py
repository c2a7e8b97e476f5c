"""What is asked of the run table, and the query that finds it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import F, OrderBy, Q, QuerySet, Value
from django.db.models.functions import Concat

from runs_app.choices import Judged, RunStatus
from runs_app.models import DataSet, TrainingRun
from runs_app.queries import PAGE_SIZE
from runs_app.run_table.columns import DEFAULT, SORTS
from runs_app.run_table.limits import Limit

PAGE_SIZES = (PAGE_SIZE, 50, 100)
HIDDEN, ONLY, WITH = "hidden", "only", "with"
ARCHIVED = {HIDDEN: "Without archived runs", ONLY: "Archived runs only", WITH: "With archived runs"}


@dataclass(frozen=True)
class RunFilter:
    """Search, filters, order and page; always valid."""

    search: str = ""
    statuses: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    group: str = ""
    data: str = ""
    """Path of a candle file below DATA_ROOT."""
    preset: str = ""
    tags: tuple[str, ...] = ()
    """A run must have all of them."""
    created_from: date | None = None
    created_until: date | None = None
    """Both days are within, in UTC."""
    limits: tuple[Limit, ...] = ()
    archived: str = HIDDEN
    sort: str = "created"
    descending: bool = True
    page: int = 1
    rows: int = PAGE_SIZE
    columns: tuple[str, ...] = DEFAULT

    @property
    def is_default(self) -> bool:
        """True when nothing narrows the table."""
        return not (
            self.search
            or self.statuses
            or self.outcomes
            or self.group
            or self.more_filters
            or self.archived != HIDDEN
        )

    @property
    def more_filters(self) -> int:
        """How many of the filters are in force that stand behind *More*."""
        found = (
            self.data,
            self.preset,
            self.tags,
            self.created_from,
            self.created_until,
            self.limits,
            self.archived != HIDDEN,
        )
        return sum(bool(one) for one in found)


def filter_runs(wanted: RunFilter) -> QuerySet[TrainingRun]:
    """The runs the filter asks for, in its order.

    A run whose value is absent or not finite comes last, in whichever direction. Only columns of
    the index ``run_list`` are looked at, so that no configuration is read.
    """
    runs = _narrowed(TrainingRun.objects.visible(), wanted)
    column = SORTS[wanted.sort].field
    if column in {"created_at", "name", "status", "priority"}:
        order = OrderBy(F(column), descending=wanted.descending)
    else:
        order = OrderBy(F(column), descending=wanted.descending, nulls_last=True)
    return runs.order_by(order, "-id")


def _narrowed(runs: QuerySet[TrainingRun], wanted: RunFilter) -> QuerySet[TrainingRun]:
    if wanted.archived != WITH:
        runs = runs.filter(archived_at__isnull=wanted.archived == HIDDEN)
    if wanted.search:
        term = wanted.search
        # Notes have an index of their own, of the few runs that have one.
        noted = TrainingRun.objects.exclude(note="").filter(note__icontains=term).order_by()
        runs = runs.filter(
            Q(name__icontains=term)
            | Q(uid__icontains=term)
            | Q(tags__icontains=term)
            | Q(pk__in=noted.values("pk"))
        )
    if found := [one for one in wanted.statuses if one in RunStatus.values]:
        # Joined with nothing, so that no index of states alone is taken: it leads to the wide rows.
        runs = runs.alias(state=Concat("status", Value(""))).filter(state__in=found)
    if found := [one for one in wanted.outcomes if one in Judged.values]:
        runs = runs.filter(outcome__in=found)
    return _limited(_of_kind(runs, wanted), wanted.limits)


def _of_kind(runs: QuerySet[TrainingRun], wanted: RunFilter) -> QuerySet[TrainingRun]:
    if wanted.group:
        runs = runs.filter(group__uid=wanted.group)
    if wanted.data:
        # The key is found first: a join would read the wide rows of all runs of the file.
        found = DataSet.objects.filter(path=wanted.data).values_list("pk", flat=True).first()
        runs = runs.filter(data_set_id=found or 0)
    if wanted.preset:
        runs = runs.filter(preset=wanted.preset)
    for tag in wanted.tags:
        runs = runs.filter(tags__contains=f",{tag},")
    if wanted.created_from:
        runs = runs.filter(created_at__gte=_midnight(wanted.created_from))
    if wanted.created_until and wanted.created_until < date.max:
        runs = runs.filter(created_at__lt=_midnight(wanted.created_until + timedelta(days=1)))
    return runs


def _limited(runs: QuerySet[TrainingRun], limits: tuple[Limit, ...]) -> QuerySet[TrainingRun]:
    for limit in limits:
        name, value = limit.lookup
        runs = runs.filter(**{name: value})
    return runs


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
