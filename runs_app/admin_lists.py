"""How the admin's lists stay quick with many rows: bounded counts and filters that read no rows."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from runs_app.forecasting.events import Reason
from runs_app.forms.numbers import whole_number
from runs_app.models import DataSet, RunEvent, TrainingRun

COUNT_TO = 50_000
"""A list counts and pages no further; filters and search reach everything."""

ATTEMPTS = 5


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # no subscripts at run time
    """Counts up to ``COUNT_TO``: a table of millions is not counted to show its first rows."""

    @cached_property
    def count(self) -> int:
        """Rows that can be paged through."""
        rows: Any = self.object_list
        return int(rows.order_by()[:COUNT_TO].count())


class DataSetFilter(admin.SimpleListFilter):
    """Runs by their candle file."""

    title = "data set"
    parameter_name = "data_set"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The data sets there are."""
        return [(str(pk), name) for pk, name in DataSet.objects.values_list("pk", "name")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[TrainingRun]
    ) -> QuerySet[TrainingRun]:
        """A run names its data set, or the file of it."""
        number = whole_number(self.value() or "")
        if number is None:
            return queryset
        row = DataSet.objects.filter(pk=number).first()
        names = [row.name, row.path] if row else []
        return queryset.filter(config__data__source__in=names)


class ReasonFilter(admin.SimpleListFilter):
    """Runs by why they ended, without asking all runs which reasons there are."""

    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The fixed list of reasons."""
        return [(one.value, one.value.replace("_", " ")) for one in Reason]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[TrainingRun]
    ) -> QuerySet[TrainingRun]:
        """Runs that ended so."""
        value = self.value()
        return queryset.filter(reason=value) if value else queryset


class AttemptFilter(admin.SimpleListFilter):
    """Events by attempt, without asking millions of rows which attempts there are."""

    title = "attempt"
    parameter_name = "attempt_number"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The first few one by one, and the rest."""
        numbers = [(str(number), str(number)) for number in range(1, ATTEMPTS)]
        return [*numbers, (str(ATTEMPTS), f"{ATTEMPTS} and later")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[RunEvent]) -> QuerySet[RunEvent]:
        """Events of that attempt."""
        number = whole_number(self.value() or "")
        if number is None:
            return queryset
        if number >= ATTEMPTS:
            return queryset.filter(attempt__gte=number)
        return queryset.filter(attempt=number)
