"""What every page's navigation shows."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.http import HttpRequest

from runs_app.notified import unread_count
from runs_app.queueing.order import waiting


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Each is counted once, where a template shows it; fragments do not."""
    return {"waiting_runs": cache(lambda: waiting().count()), "unread": cache(unread_count)}
