"""What the run table's address asks for, read so that any address gives a table."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from django.http import QueryDict

from runs_app.choices import Judged, RunStatus
from runs_app.forecasting.config.schema import Variant
from runs_app.forms.numbers import whole_number
from runs_app.queries import PAGE_SIZE
from runs_app.run_table.columns import COLUMNS, DEFAULT, SORTS
from runs_app.run_table.limits import read_limits
from runs_app.run_table.wanted import ARCHIVED, HIDDEN, PAGE_SIZES, RunFilter
from runs_app.services.labels import MAX_TAGS, is_tag

MAX_SEARCH = 200
MAX_PATH = 500


def read_filter(params: QueryDict) -> tuple[RunFilter, tuple[str, ...]]:
    """The filter in a query string, and what of it could not be read, in sentences.

    What is unknown or unreadable falls back to the default.
    """
    sort = params.get("sort", "")
    sort = sort if sort in SORTS else "created"
    limits, problems = read_limits(params.get("where", ""))
    rows = whole_number(params.get("rows", ""))
    return RunFilter(
        search=_text(params.get("q", ""), MAX_SEARCH),
        statuses=_known(params.getlist("status"), RunStatus.values),
        outcomes=_known(params.getlist("verdict"), Judged.values),
        group=_id(params.get("group", "")),
        data=_text(params.get("data", ""), MAX_PATH),
        preset=_one(params.get("preset", ""), [str(one) for one in Variant]),
        tags=_tags(params.getlist("tag")),
        created_from=_day(params.get("from", "")),
        created_until=_day(params.get("until", "")),
        limits=limits,
        archived=_one(params.get("archived", ""), ARCHIVED) or HIDDEN,
        sort=sort,
        descending=params.get("dir", "desc" if SORTS[sort].first_descending else "asc") != "asc",
        page=whole_number(params.get("page", ""), digits=8) or 1,
        rows=rows if rows in PAGE_SIZES else PAGE_SIZE,
        columns=read_columns(params),
    ), problems


def not_heeded(params: QueryDict) -> tuple[str, ...]:
    """What of an address is not heeded, in sentences: a link may be mistyped, or an old one."""
    choices: dict[str, tuple[str, Iterable[str]]] = {
        "status": ("Status", RunStatus.values),
        "verdict": ("Verdict", Judged.values),
        "preset": ("Preset", [str(one) for one in Variant]),
        "archived": ("Archived", ARCHIVED),
        "sort": ("The order (sort)", SORTS),
    }
    found = [
        f"{label} must be one of {', '.join(filter(None, known))}, not {_short(value)}."
        for key, (label, known) in choices.items()
        for value in params.getlist(key)
        if value and value not in known
    ]
    found += [
        f"Columns (cols) are {', '.join(COLUMNS)}, not {_short(value)}."
        for value in _columns(params)
        if value and value not in COLUMNS
    ][:1]
    for key, label in (("from", "Created from"), ("until", "Created until")):
        value = params.get(key, "")
        if value and _day(value) is None:
            found.append(f"{label} must be a date such as 2026-01-31, not {_short(value)}.")
    return tuple(found)


def _short(value: str) -> str:
    return value if len(value) <= 40 else f"{value[:40]}…"


def read_columns(params: QueryDict) -> tuple[str, ...]:
    """The columns asked for, in the order of the table; the usual ones where none is."""
    asked = set(_columns(params))
    return tuple(key for key in COLUMNS if key in asked) or DEFAULT


def _columns(params: QueryDict) -> list[str]:
    return ",".join(params.getlist("cols")).split(",")


def _text(value: str, longest: int) -> str:
    return value.replace("\x00", "").strip()[:longest]


def _known(values: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    given = set(values)
    return tuple(one for one in known if one in given)


def _one(value: str, known: Iterable[str]) -> str:
    return value if value in known else ""


def _id(value: str) -> str:
    return value if value.isascii() and value.isalnum() and len(value) < 17 else ""


def _tags(values: Iterable[str]) -> tuple[str, ...]:
    words = [word.strip().lower() for value in values for word in value.split(",")]
    return tuple(dict.fromkeys(word for word in words if is_tag(word)))[:MAX_TAGS]


def _day(value: str) -> date | None:
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def known_ids(values: Iterable[str]) -> list[str]:
    """Ids of an address or a form, each once; what can be none is left out."""
    words = [word.strip() for value in values for word in value.split(",")]
    return list(dict.fromkeys(word for word in words if _id(word)))
