"""Parts of a run's console for its page: pages of lines as HTML, hits of a search as JSON."""

from __future__ import annotations

import re
from dataclasses import asdict

from django.http import HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from runs_app import log_pages
from runs_app.forms.numbers import whole_number
from runs_app.log_lines import LogLine
from runs_app.log_pages import LEVELS, Place
from runs_app.templatetags.runs_format import console_lines
from runs_app.views.request import HtmxRequest, run_or_404

MAX_TEXT = 200
_PLACE = re.compile(r"(\d{1,18})\.(\d{1,18})")
_NO_STORE = {"Cache-Control": "no-store"}
_PLAIN = "text/plain; charset=utf-8"
END: Place = (2**62, 0)


@require_safe
def run_log(request: HtmxRequest, uid: str) -> HttpResponse:
    """Lines ``before``, ``from`` or ``around`` a place (event.line), or around ``line``
    (attempt.number); without any of them the newest."""
    run = run_or_404(uid)
    level = request.GET.get("level", "")
    if level not in ("", *LEVELS):
        return _refused(f"level must be {' or '.join(LEVELS)}.")
    asked = next((name for name in ("line", "around", "before", "from") if name in request.GET), "")
    place = END
    if asked:
        match = _PLACE.fullmatch(request.GET[asked])
        if match is None:
            return _refused(f"{asked} must be two numbers with a full stop between them.")
        place = (int(match[1]), int(match[2]))
    if asked == "line":
        found = log_pages.place_of(run.pk, *place)
        if found is None:
            sentence = f"The log has no line {place[1]:,} of attempt {place[0]}."
            return HttpResponse(sentence, status=404, content_type=_PLAIN)
        place = found
    return HttpResponse(console_lines(_page(run.pk, asked, place, level)), headers=_NO_STORE)


def _page(run_pk: int, asked: str, place: Place, level: str) -> list[LogLine]:
    if asked == "from":
        return log_pages.lines_from(run_pk, place, level)
    before = log_pages.lines_before(run_pk, place, level)
    if asked in ("", "before"):
        return before
    return before + log_pages.lines_from(run_pk, place, level)


@require_safe
def run_log_search(request: HtmxRequest, uid: str) -> HttpResponse:
    """Lines that hold ``q``, of events after ``after``, and how far the search came."""
    run = run_or_404(uid)
    text, level, after = (request.GET.get(name, "") for name in ("q", "level", "after"))
    if not text.strip() or len(text) > MAX_TEXT:
        return _refused(f"q must be the text to look for, {MAX_TEXT} characters at most.")
    if level not in ("", *LEVELS):
        return _refused(f"level must be {' or '.join(LEVELS)}.")
    last = whole_number(after or "0")
    if last is None:
        return _refused("after must be the number of an event.")
    found = log_pages.search(run.pk, text, after=last, level=level)
    answer = asdict(found) | {"last_seq": run.last_seq}
    return JsonResponse(answer, headers=_NO_STORE)


def _refused(sentence: str) -> HttpResponse:
    return HttpResponse(sentence, status=422, content_type=_PLAIN)
