"""Runs side by side, by a link that holds everything chosen on the page."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from runs_app.comparison.page import comparison
from runs_app.comparison.wish import read_wish
from runs_app.views.request import HtmxRequest

UNPROCESSABLE = 422


@require_safe
def compare(request: HtmxRequest) -> HttpResponse:
    """The comparison; its table of settings alone for htmx. A form's address is made short."""
    wish = read_wish(request.GET)
    if len(request.GET.getlist("ids")) > 1:
        params = request.GET.copy()
        params.pop("back", None)  # the run table's, for the other buttons of its form
        params["ids"] = ",".join([*wish.places, *wish.unreadable])
        return redirect(f"{reverse('runs:compare')}?{params.urlencode(safe=',')}")
    page = comparison(wish)
    template = "runs/compare.html#settings" if request.htmx else "runs/compare.html"
    status = UNPROCESSABLE if page.refused else 200
    return render(request, template, {"page": page}, status=status)
