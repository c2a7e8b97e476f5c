"""One run: its dashboard, its live part for pages without a socket, and its buttons."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from runs_app import log_lines, queries
from runs_app.charts import Chart, charts
from runs_app.config_panel import config_panel
from runs_app.errors import RunError
from runs_app.execution.run_directory import path_of
from runs_app.forecasting.environment import newest_environment
from runs_app.forecasting.evaluation.documents import BASELINES
from runs_app.forms.numbers import whole_number
from runs_app.live.fragments import render_update
from runs_app.live.updates import read_update
from runs_app.models import TrainingRun
from runs_app.services.cancel import cancel_run
from runs_app.services.checkpoints import pin_checkpoint
from runs_app.services.trash import trash_run
from runs_app.views.request import HtmxRequest, run_or_404

AXES = (("step", "Step"), ("epoch", "Epoch"), ("time", "Time"))


@require_safe
def run_detail(request: HtmxRequest, uid: str) -> HttpResponse:
    """The dashboard. It holds every event up to ``run.last_seq``; the socket adds what follows."""
    run = run_or_404(uid)
    drawn = charts(run)
    newer, older = queries.beside(run)
    context = {
        "newer": newer,
        "older": older,
        "page": queries.dashboard(run),
        "log": log_lines.newest(run.pk, up_to=run.last_seq, limit=log_lines.FIRST_LINES),
        "charts": drawn,
        "axes": AXES,
        "chart_facts": _chart_facts(run, drawn),
        "first_metrics": [line.metric for line in drawn[0].lines],
        "panel": config_panel(run),
        **_environment(run),
        "config_yaml": queries.config_yaml(run),
        "trash_days": settings.TRASH_DAYS,
    }
    return render(request, "runs/detail.html", context)


def _environment(run: TrainingRun) -> dict[str, Any]:
    return {
        "environment": newest_environment(path_of(run.uid)),
        "seed": run.config.get("train", {}).get("seed"),
    }


@require_safe
def run_environment(request: HtmxRequest, uid: str) -> HttpResponse:
    """The panel of the environment alone, for a page that was open when training began."""
    run = run_or_404(uid)
    return render(request, "runs/_environment.html", _environment(run) | {"run": run})


def _chart_facts(run: TrainingRun, drawn: list[Chart]) -> dict[str, Any]:
    """What the charts begin with; their points are read by ``/runs/{id}/points``."""
    return {
        "uid": run.uid,
        "charts": [chart.as_dict() for chart in drawn],
        "names": BASELINES,
        "baselines": run.metrics.get("baselines") or {},
        "steps_per_epoch": run.metrics.get("steps_per_epoch"),
    }


@require_safe
def run_live(request: HtmxRequest, uid: str) -> HttpResponse:
    """What happened after a sequence number, as the socket would have sent it."""
    run = run_or_404(uid)
    after = whole_number(request.GET.get("after", "0"))
    if after is None:
        return HttpResponse("after must be the number of an event.", status=422)
    if after > run.last_seq:
        return HttpResponse(
            f"after is {after}, but the newest event of this run has number {run.last_seq}: load "
            "the page again.",
            status=416,
        )
    html = render_update(run.pk, read_update(run.pk, run.uid, after))
    return HttpResponse(html, headers={"Cache-Control": "no-store"})


@require_POST
def run_cancel(request: HtmxRequest, uid: str) -> HttpResponse:
    """Record the wish to cancel; the same page then says that it is being cancelled."""
    run_or_404(uid)
    try:
        cancel_run(uid)
    except RunError as error:
        messages.error(request, str(error))
    if request.htmx:
        page = queries.dashboard(run_or_404(uid))
        return render(request, "runs/_panels.html#header", {"page": page})
    return redirect(_return_address(request, uid))


@require_POST
def checkpoint_pin(request: HtmxRequest, uid: str, name: str) -> HttpResponse:
    """Keep a checkpoint."""
    return _pin(request, uid, name, pinned=True)


@require_POST
def checkpoint_unpin(request: HtmxRequest, uid: str, name: str) -> HttpResponse:
    """Keep a checkpoint no longer than its score is worth."""
    return _pin(request, uid, name, pinned=False)


def _pin(request: HtmxRequest, uid: str, name: str, *, pinned: bool) -> HttpResponse:
    run_or_404(uid)
    problem = ""
    try:
        pin_checkpoint(uid, name, pinned=pinned)
    except (RunError, OSError) as error:
        problem = str(error)
    if request.htmx:
        context = {"page": queries.dashboard(run_or_404(uid)), "pin_problem": problem}
        return render(request, "runs/_panels.html#checkpoints", context)
    if problem:
        messages.error(request, problem)
    return redirect(f"/runs/{uid}#panel-checkpoints")


@require_POST
def run_delete(request: HtmxRequest, uid: str) -> HttpResponse:
    """Move the run to the trash; with ``cancel`` one that has not ended is cancelled first."""
    run_or_404(uid)
    try:
        run = trash_run(uid, cancel="cancel" in request.POST)
    except RunError as error:
        messages.error(request, str(error))
        return redirect("runs:run_detail", uid)
    if not run.is_trashed:
        return redirect("runs:run_detail", uid)
    messages.success(request, f"Run {run} was moved to the trash.")
    return redirect("runs:run_list")


def _return_address(request: HtmxRequest, uid: str) -> str:
    """Where a form without script goes back to: the table or the queue, if it came from there."""
    back = request.POST.get("next", "")
    if back in ("/runs", "/queue") or back.startswith("/runs?"):
        return back
    return f"/runs/{uid}"
