"""Whether this process answers: asked every few seconds by whatever keeps it up."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe


@require_safe
def alive(request: HttpRequest) -> HttpResponse:
    """204 by the way every page takes, without the database or the broker."""
    return HttpResponse(status=204)
