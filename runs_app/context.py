"""What every page's navigation shows."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.http import HttpRequest

from runs_app.notified import unread_count
from runs_app.queueing.order import waiting

SECTIONS = {"": "home", "runs": "runs", "groups": "runs", "trash": "runs", "queue": "queue",
            "datasets": "datasets", "api": "api"}  # fmt: skip
"""The entry of the navigation that a page belongs to, by the first part of its address."""


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Under one name, so that no view's own names hide them.

    Each is counted once, where a template shows it; fragments do not.
    """
    first = "new" if request.path.startswith("/runs/new") else request.path.split("/")[1]
    return {
        "navigation": {
            "waiting_runs": cache(lambda: waiting().count()),
            "unread": cache(unread_count),
            "section": SECTIONS.get(first, ""),
        }
    }
