"""The answer to a request that met a fault: 503 where the database is away, else 500."""

from __future__ import annotations

import sys

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

from runs_app.execution.patience import AWAY
from runs_app.middleware import API, wants_page

RETRY_SECONDS = 5

AWAY_SENTENCE = (
    "The database does not answer just now. Runs go on training, and nothing is lost: ask again in "
    "a few seconds."
)
FAULT_SENTENCE = "The server met a fault. Runs go on training; the server's log has the details."


def server_fault(request: HttpRequest) -> HttpResponse:
    """The page or the JSON sentence for the exception that is being handled."""
    away = isinstance(sys.exc_info()[1], AWAY)
    status = 503 if away else 500
    response: HttpResponse
    if request.path_info.startswith(f"{API}/") or not wants_page(request):
        sentence = AWAY_SENTENCE if away else FAULT_SENTENCE
        response = JsonResponse({"detail": sentence}, status=status)
    else:
        response = HttpResponse(render_to_string(f"{status}.html"), status=status)
    if away:
        response["Retry-After"] = str(RETRY_SECONDS)
    response["Cache-Control"] = "no-store"
    return response
