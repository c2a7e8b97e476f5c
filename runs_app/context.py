"""What every page's navigation shows."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from runs_app.queueing.order import waiting


def navigation(request: HttpRequest) -> dict[str, Any]:
    """``waiting_runs`` counts when a template asks for it, so that fragments do not."""
    return {"waiting_runs": lambda: waiting().count()}
