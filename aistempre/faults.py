"""The answers to requests that met a fault: a page for a browser, a sentence in JSON otherwise.

None of them reads the database or the session, so that they can be given whatever is broken.
"""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import (
    DisallowedHost,
    RequestDataTooBig,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.template.loader import render_to_string

from runs_app.execution.patience import AWAY
from runs_app.middleware import API, Middleware, wants_page

RETRY_SECONDS = 5

AWAY_SENTENCE = (
    "The database does not answer just now. Runs go on training, and nothing is lost: ask again in "
    "a few seconds."
)
FAULT_SENTENCE = "The server met a fault. Runs go on training; the server's log has the details."
TOO_LARGE_SENTENCE = (
    "What was sent is larger than this address takes. A candle file is uploaded by POST /datasets, "
    "or put into DATA_ROOT."
)
NOT_UNDERSTOOD_SENTENCE = "This request cannot be read."
OTHER_HOST_SENTENCE = f"This server does not answer to that host name; ask {settings.PRODUCT_URL}."
FORBIDDEN_SENTENCE = "This request was refused."
TOKEN_SENTENCE = (
    "The form's token is missing or old, so it was refused; load the page again and send it anew."
)
MISSING_SENTENCE = "There is nothing at this address."
METHOD_SENTENCE = "This address does not take this method."


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400, or 413 where the request is too large."""
    if isinstance(exception, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        return _answer(request, 413, TOO_LARGE_SENTENCE)
    if isinstance(exception, DisallowedHost):
        return _answer(request, 400, OTHER_HOST_SENTENCE, home=settings.PRODUCT_URL)
    return _answer(request, 400, NOT_UNDERSTOOD_SENTENCE)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403."""
    return _answer(request, 403, FORBIDDEN_SENTENCE)


def token_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form without its token."""
    return _answer(request, 403, TOKEN_SENTENCE, template="403_csrf.html")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    return _answer(request, 404, MISSING_SENTENCE)


def server_fault(request: HttpRequest) -> HttpResponse:
    """503 where the database is away, else 500, for the exception that is being handled."""
    if isinstance(sys.exc_info()[1], AWAY):
        response = _answer(request, 503, AWAY_SENTENCE)
        response["Retry-After"] = str(RETRY_SECONDS)
        return response
    return _answer(request, 500, FAULT_SENTENCE)


class MethodPageMiddleware(Middleware):
    """A page for a browser that asks by a method that an address does not take, not a blank one."""

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Replace the empty 405 of a view."""
        if (
            response.status_code != 405
            or not isinstance(response, HttpResponse)
            or response.content
        ):
            return response
        page = _answer(request, 405, METHOD_SENTENCE)
        page["Allow"] = response["Allow"]
        return page


def _answer(
    request: HttpRequest, status: int, sentence: str, *, template: str = "", home: str = ""
) -> HttpResponse:
    """``home``: the product's own address, where links must name it."""
    response: HttpResponse
    if request.path_info.startswith(f"{API}/") or not wants_page(request):
        response = JsonResponse({"detail": sentence}, status=status)
    else:
        context = {"home": home, "sentence": sentence, "back": _back(request)}
        page = render_to_string(template or f"{status}.html", context)
        response = HttpResponse(page, status=status)
    response["Cache-Control"] = "no-store"
    return response


def _back(request: HttpRequest) -> str:
    """The page that a refused form was sent from, by its address here; empty where unknown."""
    came_from = urlsplit(request.headers.get("Referer", ""))
    if request.method == "GET" or not came_from.netloc:
        return ""
    try:
        ours = came_from.netloc == request.get_host()
    except DisallowedHost:
        ours = False
    if not ours:
        return ""
    return came_from._replace(scheme="", netloc="", fragment="").geturl()
