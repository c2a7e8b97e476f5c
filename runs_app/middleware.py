"""Which door a request takes (page or JSON), and whether it comes from our own pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import (
    HttpRequest,
    HttpResponseBase,
    HttpResponsePermanentRedirect,
    JsonResponse,
)
from django.utils.cache import patch_vary_headers

SHARED = (
    "/runs", "/groups", "/datasets", "/leak-checks", "/rehearsals", "/queue", "/trash",
    "/notifications",
)  # fmt: skip
"""Addresses that are both a page and a JSON resource."""

PAGES_ONLY = ("/runs/new",)
"""Addresses below those that are pages whatever is asked for."""

API = "/api"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_FOREIGN_SITES = frozenset({"cross-site", "same-site"})

_REFUSALS = {
    404: "There is nothing at this address.",  # what a route of the API does not find
    405: "This address does not take this method.",
}

Answer = HttpResponseBase | Awaitable[HttpResponseBase]


def _under(path: str, roots: tuple[str, ...]) -> bool:
    return any(path == root or path.startswith(f"{root}/") for root in roots)


def wants_page(request: HttpRequest) -> bool:
    """True for a browser: it asks for HTML by name, or it is htmx."""
    return "HX-Request" in request.headers or "text/html" in request.headers.get("Accept", "")


def _is_json(response: HttpResponseBase) -> bool:
    return response.headers.get("Content-Type", "").startswith("application/json")


class Middleware:
    """Base: works under ASGI and WSGI alike without a thread of its own."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Answer]) -> None:
        self.get_response = get_response
        self.is_async = bool(iscoroutinefunction(get_response))
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Answer:
        if self.is_async:
            return self._later(request)
        early = self.before(request)
        answer: Any = self.get_response(request) if early is None else early
        return self.after(request, answer)

    async def _later(self, request: HttpRequest) -> HttpResponseBase:
        early = self.before(request)
        answer: Any = await self.get_response(request) if early is None else early  # type: ignore[misc]
        return self.after(request, answer)

    def before(self, request: HttpRequest) -> HttpResponseBase | None:
        """Change the request, or answer it at once."""
        return None

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Change the response."""
        return response


class SameOriginMiddleware(Middleware):
    """Refuse a change that another site's page asks for.

    The JSON API has no CSRF token: a browser always says where an unsafe request comes from, and a
    program that is no browser has no user's rights to borrow.
    """

    def before(self, request: HttpRequest) -> HttpResponseBase | None:
        """Answer 403 to an unsafe request whose origin is not ours."""
        if request.method in SAFE_METHODS or self._is_ours(request):
            return None
        return JsonResponse(
            {"detail": "This request comes from another site, so it was refused."}, status=403
        )

    @staticmethod
    def _is_ours(request: HttpRequest) -> bool:
        if request.headers.get("Sec-Fetch-Site", "none") in _FOREIGN_SITES:
            return False
        origin = request.headers.get("Origin")
        if origin is None:
            return True
        ours = f"{request.scheme}://{request.get_host()}"
        return origin == ours or origin in settings.CSRF_TRUSTED_ORIGINS


class NegotiationMiddleware(Middleware):
    """One address for page and JSON: who does not ask for HTML is answered by the API.

    A trailing slash is taken off: a GET is redirected, anything else is served as it was meant.
    """

    def before(self, request: HttpRequest) -> HttpResponseBase | None:
        """Point a request for JSON at the API; redirect a GET with a trailing slash."""
        path = request.path_info
        if path.endswith("/") and _under(path, (*SHARED, API)) and path != f"{API}/":
            bare = path.rstrip("/")
            if request.method in ("GET", "HEAD"):
                query = request.META.get("QUERY_STRING", "")
                return HttpResponsePermanentRedirect(f"{bare}?{query}" if query else bare)
            path = request.path_info = bare
        if _under(path, SHARED) and not _under(path, PAGES_ONLY) and not wants_page(request):
            request.path_info = f"{API}{path}"
        return None

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Refuse programs in JSON; tell caches that the answer depends on what was asked for."""
        said = _REFUSALS.get(response.status_code)
        if said and _under(request.path_info, (API,)) and not _is_json(response):
            refusal = JsonResponse({"detail": said}, status=response.status_code)
            if response.has_header("Allow"):
                refusal["Allow"] = response["Allow"]
            response = refusal
        if _under(request.path, SHARED):
            patch_vary_headers(response, ("Accept", "HX-Request"))
        return response
