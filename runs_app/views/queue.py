"""The queue: what waits, what runs where, and its buttons."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from runs_app.choices import Priority
from runs_app.errors import RunError, SlotNotFound
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.queueing.page import queue_page
from runs_app.queueing.turns import turn_of
from runs_app.services.queue import (
    change_turn,
    drain_slot,
    pause_queue,
    read_change,
    resume_queue,
)
from runs_app.views.request import HtmxRequest, run_or_404


@require_safe
def queue(request: HtmxRequest) -> HttpResponse:
    """The whole page; its live part alone for htmx."""
    return _show(request)


@require_POST
def queue_pause(request: HtmxRequest) -> HttpResponse:
    """Let nothing new start."""
    return _do(request, pause_queue)


@require_POST
def queue_resume(request: HtmxRequest) -> HttpResponse:
    """Let runs start again."""
    return _do(request, resume_queue)


@require_POST
def slot_drain(request: HtmxRequest, host: str, name: str) -> HttpResponse:
    """Finish what runs on the slot, start nothing new there."""
    return _do(request, lambda: drain_slot(host, name, drained=True))


@require_POST
def slot_undrain(request: HtmxRequest, host: str, name: str) -> HttpResponse:
    """Start runs on the slot again."""
    return _do(request, lambda: drain_slot(host, name, drained=False))


@require_http_methods(["GET", "HEAD", "POST"])
def run_queue(request: HtmxRequest, uid: str) -> HttpResponse:
    """GET: the run's turn, for its dashboard. POST: move it, or change its priority."""
    run = run_or_404(uid)
    if request.method != "POST":
        if not request.htmx:
            return redirect("runs:run_detail", uid)
        return render(request, "queue/_turn.html", {"turn": turn_of(run), "uid": uid})
    asked = {key: request.POST[key] for key in ("move", "priority") if key in request.POST}
    back = "runs:run_detail" if request.POST.get("next") == "run" else ""
    return _do(request, lambda: change_turn(uid, read_change(**asked)), back, uid)


def _do(
    request: HtmxRequest, act: Callable[[], object], back: str = "", uid: str = ""
) -> HttpResponse:
    """Do it, and show the queue as it then stands, or the page that asked."""
    fault = ""
    try:
        act()
    except SlotNotFound as error:
        raise Http404(str(error)) from error
    except (RunError, ConfigInvalid) as error:
        fault = str(error)
    if request.htmx and not back:
        return _show(request, fault)
    if fault:
        messages.error(request, fault)
    return redirect(back, uid) if back else redirect("runs:queue")


def _show(request: HtmxRequest, fault: str = "") -> HttpResponse:
    template = "queue/page.html#live" if request.htmx else "queue/page.html"
    context = {"page": queue_page(), "priorities": Priority.labels[::-1], "fault": fault}
    return render(request, template, context)
