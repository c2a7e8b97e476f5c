"""A dress rehearsal: its page, and the fragment by which the builder follows it."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from runs_app.errors import RehearsalNotFound
from runs_app.services.rehearsals import find_rehearsal, room_of
from runs_app.views.request import HtmxRequest
from runs_app.views.way_back import to_builder


@require_safe
def rehearsal(request: HtmxRequest, uid: str) -> HttpResponse:
    """What it found; the fragment alone where the page asks again while it lasts."""
    try:
        found = find_rehearsal(uid)
    except RehearsalNotFound as error:
        raise Http404(str(error)) from error
    template = "rehearsals/_rehearsal.html" if request.htmx else "rehearsals/detail.html"
    context = {
        "rehearsal": found,
        "room": room_of(found),
        "draft_id": request.GET.get("builder", ""),
        "back": to_builder(request, "rehearse"),
    }
    return render(request, template, context)
