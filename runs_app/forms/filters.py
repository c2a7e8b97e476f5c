"""What the run table's address asks for, read so that any address gives a table."""

from __future__ import annotations

from django.http import QueryDict

from runs_app.choices import Judged, RunStatus
from runs_app.queries import SORTS, RunFilter

MAX_SEARCH = 200


def read_filter(params: QueryDict) -> RunFilter:
    """The filter in a query string; what is unknown or unreadable falls back to the default."""
    status = params.get("status", "")
    outcome = params.get("verdict", "")
    sort = params.get("sort", "")
    group = params.get("group", "")
    page = params.get("page", "1")
    return RunFilter(
        search=params.get("q", "").replace("\x00", "").strip()[:MAX_SEARCH],
        status=status if status in RunStatus.values else "",
        outcome=outcome if outcome in Judged.values else "",
        group=group if group.isascii() and group.isalnum() and len(group) < 17 else "",
        sort=sort if sort in SORTS else "created",
        descending=params.get("dir", "desc" if sort in ("", "created") else "asc") != "asc",
        page=int(page) if page.isascii() and page.isdigit() and len(page) < 9 else 1,
    )
