"""The trash: its list, its buttons, and the comparison of files with records."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from runs_app.errors import RunError, RunInUse
from runs_app.execution.reconcile import compare
from runs_app.execution.repair import repair
from runs_app.forecasting.counted import counted
from runs_app.services.trash import empty_trash, purge_run, restore_run
from runs_app.templatetags.runs_format import size
from runs_app.trash_queries import trash_page
from runs_app.views.request import HtmxRequest, page_number, run_or_404

COMPARE_SECONDS = 20.0
"""How long a page waits for a comparison; the command has no limit."""


@require_safe
def trash(request: HtmxRequest) -> HttpResponse:
    """The runs in the trash, with what they take and until when they can be restored."""
    return render(request, "trash/list.html", {"page": trash_page(page_number(request))})


@require_POST
def trash_empty(request: HtmxRequest) -> HttpResponse:
    """Delete everything in the trash for good, and say what that freed."""
    done = empty_trash()
    more = f" {counted(done.left, 'more is', 'more are')} being deleted." if done.left else ""
    runs = counted(done.runs, "run")
    messages.success(request, f"{runs} deleted for good; freed {size(done.freed)}.{more}")
    for fault in done.faults:
        messages.error(request, fault)
    return redirect("runs:trash")


@require_POST
def run_restore(request: HtmxRequest, uid: str) -> HttpResponse:
    """Take a run out of the trash."""
    run_or_404(uid)
    try:
        run = restore_run(uid)
    except RunError as error:
        messages.error(request, str(error))
        return redirect("runs:trash")
    messages.success(request, f"Run {run} was restored.")
    return redirect("runs:run_detail", uid)


@require_POST
def run_purge(request: HtmxRequest, uid: str) -> HttpResponse:
    """Delete a run of the trash for good."""
    run_or_404(uid)
    try:
        freed = purge_run(uid)
    except RunInUse as later:
        messages.warning(request, str(later))
    except RunError as error:
        messages.error(request, str(error))
    except OSError as error:
        messages.error(request, f"Run {uid} cannot be deleted yet: {error.strerror or error}.")
    else:
        messages.success(request, f"Run {uid} was deleted for good; freed {size(freed)}.")
    return redirect("runs:trash")


@require_POST
def trash_compare(request: HtmxRequest) -> HttpResponse:
    """Compare files with records; with ``repair`` put right what differs."""
    report = compare(seconds=COMPARE_SECONDS)
    repaired = None
    if "repair" in request.POST:
        repaired = repair(report.differences)
        report = compare(seconds=COMPARE_SECONDS)
    context = {"page": trash_page(), "report": report, "repaired": repaired}
    return render(request, "trash/list.html", context)
