"""Fetches of candles from an exchange: ask for one, watch it, cancel it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from runs_app.errors import FetchNotFound
from runs_app.forecasting.config.timeframes import TIMEFRAMES
from runs_app.forecasting.data.fetch_wish import EXCHANGES, read_wish
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.models import DataSet, Job
from runs_app.services.fetch import (
    cancel_fetch,
    data_set_of,
    find_fetch,
    recent_fetches,
    request_fetch,
)
from runs_app.views.request import HtmxRequest

FIELDS = ("exchange", "symbol", "timeframe", "since", "until", "name")
FIRST_VALUES = {"exchange": "binance", "symbol": "BTC/USDT", "timeframe": "1m"}


@dataclass(frozen=True)
class FetchForm:
    """``datasets/fetch_form.html``: the form as it was sent, and a sentence by field."""

    values: dict[str, str]
    jobs: list[Job]
    errors: dict[str, str] = field(default_factory=dict)
    exchanges: tuple[str, ...] = EXCHANGES
    timeframes: tuple[str, ...] = TIMEFRAMES


@dataclass(frozen=True)
class FetchPage:
    """``datasets/fetch.html``: a fetch, how far it is, and what became of it."""

    job: Job
    first: datetime | None
    last: datetime | None
    percent: float | None
    data_set: DataSet | None

    @property
    def again(self) -> dict[str, str]:
        """The form that asks for the same again."""
        wish = self.job.arguments
        until = _moment(wish["until_ms"])
        return {
            **{name: wish[name] for name in ("exchange", "symbol", "timeframe", "name")},
            "since": str(_moment(wish["since_ms"])),
            "until": "" if until is None else str(until),
        }

    @property
    def bars(self) -> int:
        """Candles that are on the disk."""
        return int(self.job.facts.get("bars", self.job.facts.get("rows", 0)))


@require_http_methods(["GET", "HEAD", "POST"])
def fetches(request: HtmxRequest) -> HttpResponse:
    """The form; a POST asks for candles and goes to the page of that fetch."""
    if request.method != "POST":
        return _form(request, FIRST_VALUES, {})
    values = {name: request.POST.get(name, "") for name in FIELDS}
    try:
        job = request_fetch(read_wish(**values))
    except ConfigInvalid as invalid:
        return _form(request, values, {error.path: error.message for error in invalid.errors})
    return redirect("runs:fetch", job.uid)


@require_safe
def fetch(request: HtmxRequest, uid: str) -> HttpResponse:
    """How far a fetch is; its page asks again while it works."""
    page = _page(_job_or_404(uid))
    part = "#state" if request.htmx else ""
    return render(request, f"datasets/fetch.html{part}", {"page": page})


@require_POST
def fetch_cancel(request: HtmxRequest, uid: str) -> HttpResponse:
    """End it; what has come is kept for the same request."""
    if not cancel_fetch(_job_or_404(uid)):
        messages.error(request, "It had ended already.")
    return redirect("runs:fetch", uid)


def _form(request: HtmxRequest, values: dict[str, str], errors: dict[str, str]) -> HttpResponse:
    form = FetchForm(values, recent_fetches(), errors)
    return render(
        request, "datasets/fetch_form.html", {"form": form}, status=422 if errors else 200
    )


def _page(job: Job) -> FetchPage:
    facts = job.facts
    share = facts.get("share")
    return FetchPage(
        job=job,
        first=_moment(facts.get("first_ms")),
        last=_moment(facts.get("last_ms")),
        percent=None if share is None else 100 * share,
        data_set=data_set_of(job),
    )


def _moment(ms: Any) -> datetime | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)


def _job_or_404(uid: str) -> Job:
    try:
        return find_fetch(uid)
    except FetchNotFound as error:
        raise Http404(str(error)) from error
