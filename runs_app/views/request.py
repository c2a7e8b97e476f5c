"""The request as the views of this app receive it, and what its address names."""

from __future__ import annotations

from django.http import Http404, HttpRequest
from django_htmx.middleware import HtmxDetails

from runs_app.errors import RunNotFound
from runs_app.forms.numbers import whole_number
from runs_app.models import TrainingRun
from runs_app.queries import get_run


class HtmxRequest(HttpRequest):
    """A request as django-htmx's middleware leaves it."""

    htmx: HtmxDetails


def run_or_404(uid: str) -> TrainingRun:
    """The run of an address; the page of unknown addresses where there is none."""
    try:
        return get_run(uid)
    except RunNotFound as error:
        raise Http404(str(error)) from error


def page_number(request: HttpRequest) -> int:
    """The ``page`` of an address, from 1; 1 where it is no plain number of at most 8 digits."""
    return whole_number(request.GET.get("page", ""), digits=8) or 1
