"""The filters in force, each with the address that takes it off; and addresses made short."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import QueryDict

from runs_app.choices import Judged, RunStatus
from runs_app.forms.filters import read_columns
from runs_app.run_table.columns import DEFAULT
from runs_app.run_table.wanted import ARCHIVED, HIDDEN, RunFilter

TABLE = "/runs"


@dataclass(frozen=True)
class Chip:
    """One filter in words, and the address without it."""

    label: str
    without: str


def chips(wanted: RunFilter, params: QueryDict) -> list[Chip]:
    """One a filter, in the order of the form."""
    found = [
        *(Chip(RunStatus(one).label, _without(params, "status", one)) for one in wanted.statuses),
        *(Chip(Judged(one).label, _without(params, "verdict", one)) for one in wanted.outcomes),
    ]
    plain = (
        ("q", f"“{wanted.search}”" if wanted.search else ""),
        ("group", f"group {wanted.group}" if wanted.group else ""),
        ("where", params.get("where", "").strip() if wanted.limits else ""),
        ("data", wanted.data),
        ("preset", wanted.preset),
        ("tag", f"tag {', '.join(wanted.tags)}" if wanted.tags else ""),
        ("from", f"from {wanted.created_from}" if wanted.created_from else ""),
        ("until", f"until {wanted.created_until}" if wanted.created_until else ""),
        ("archived", ARCHIVED[wanted.archived] if wanted.archived != HIDDEN else ""),
    )
    return [*found, *(Chip(label, _without(params, key)) for key, label in plain if label)]


def short_query(params: QueryDict) -> str:
    """The query string without empty fields and without the usual columns; columns as one word."""
    kept = QueryDict(mutable=True)
    for key, values in params.lists():
        filled = [value for value in values if value.strip()]
        if key == "cols":
            columns = read_columns(params)
            filled = [",".join(columns)] if filled and columns != DEFAULT else []
        if filled:
            kept.setlist(key, filled)
    return kept.urlencode(safe=",")


def is_long(params: QueryDict) -> bool:
    """True for an address as a form makes it."""
    return any(not value.strip() for _, values in params.lists() for value in values) or (
        len(params.getlist("cols")) > 1
    )


def _without(params: QueryDict, key: str, value: str = "") -> str:
    left = params.copy()
    left.pop("page", None)
    values = [one for one in params.getlist(key) if value and one != value]
    left.setlist(key, values)
    query = left.urlencode(safe=",")
    return f"{TABLE}?{query}" if query else TABLE
