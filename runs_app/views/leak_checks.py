"""A leak check of a configuration that nobody has trained yet."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from runs_app.errors import LeakCheckNotFound
from runs_app.services.leak_checks import find_leak_check
from runs_app.views.request import HtmxRequest
from runs_app.views.way_back import to_builder


@require_safe
def leak_check(request: HtmxRequest, uid: str) -> HttpResponse:
    """The findings; the fragment alone where the page asks again while it waits."""
    try:
        check = find_leak_check(uid)
    except LeakCheckNotFound as error:
        raise Http404(str(error)) from error
    template = "leak_checks/_check.html" if request.htmx else "leak_checks/detail.html"
    context = {
        "check": check,
        "draft_id": request.GET.get("builder", ""),
        "back": to_builder(request, "leaks"),
    }
    return render(request, template, context)
