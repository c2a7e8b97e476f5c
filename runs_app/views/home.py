"""The home page."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from runs_app.disk import read_disk
from runs_app.home import home as home_page
from runs_app.services.datasets import refresh
from runs_app.views.request import HtmxRequest


@require_safe
@vary_on_headers("HX-Request")
def home(request: HtmxRequest) -> HttpResponse:
    """What runs now and what ended last; its live part alone for htmx."""
    page = home_page()
    if not page.total and page.sample is None:
        refresh()  # the first visit may come before anything has looked into DATA_ROOT
        page = home_page()
    template = "home.html#live" if request.htmx else "home.html"
    return render(request, template, {"page": page, "disk": read_disk()})
