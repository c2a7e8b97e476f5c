"""The answers to requests that met a fault: 503 where the database is away, else 500; 413, 400."""

from __future__ import annotations

import sys

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
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


TOO_LARGE_SENTENCE = (
    "What was sent is larger than this address takes. A candle file belongs into DATA_ROOT, not "
    "into a request."
)
NOT_UNDERSTOOD_SENTENCE = "This request cannot be read."


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The page or the JSON sentence for a request that is too large, or cannot be read."""
    too_large = isinstance(exception, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent)
    sentence = TOO_LARGE_SENTENCE if too_large else NOT_UNDERSTOOD_SENTENCE
    return _answer(request, 413 if too_large else 400, sentence)


def server_fault(request: HttpRequest) -> HttpResponse:
    """The page or the JSON sentence for the exception that is being handled."""
    if isinstance(sys.exc_info()[1], AWAY):
        response = _answer(request, 503, AWAY_SENTENCE)
        response["Retry-After"] = str(RETRY_SECONDS)
        return response
    return _answer(request, 500, FAULT_SENTENCE)


def _answer(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    response: HttpResponse
    if request.path_info.startswith(f"{API}/") or not wants_page(request):
        response = JsonResponse({"detail": sentence}, status=status)
    else:
        response = HttpResponse(render_to_string(f"{status}.html"), status=status)
    response["Cache-Control"] = "no-store"
    return response
