"""Groups of runs: the list, one group, and its buttons."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from runs_app import group_queries
from runs_app.errors import GroupNotFound, RunError
from runs_app.forecasting.counted import counted
from runs_app.models import RunGroup
from runs_app.services.groups import cancel_group, delete_group, find_group
from runs_app.views.request import HtmxRequest, page_number


def _group_or_404(uid: str) -> RunGroup:
    try:
        return find_group(uid)
    except GroupNotFound as error:
        raise Http404(str(error)) from error


@require_safe
def group_list(request: HtmxRequest) -> HttpResponse:
    """Every group, the newest first."""
    page = group_queries.group_list(page_number(request))
    return render(request, "groups/list.html", {"page": page})


@require_safe
def group_detail(request: HtmxRequest, uid: str) -> HttpResponse:
    """One group; its live part alone for htmx."""
    page = group_queries.group_page(_group_or_404(uid))
    template = "groups/detail.html#live" if request.htmx else "groups/detail.html"
    return render(request, template, {"page": page})


@require_POST
def group_cancel(request: HtmxRequest, uid: str) -> HttpResponse:
    """Cancel every run of the group that has not ended."""
    _group_or_404(uid)
    asked = cancel_group(uid)
    if asked:
        messages.success(request, f"{counted(asked, 'run')} cancelled or asked to stop.")
    else:
        messages.error(request, "Every run of this group has ended already.")
    return redirect("runs:group_detail", uid)


@require_POST
def group_delete(request: HtmxRequest, uid: str) -> HttpResponse:
    """Move all runs of the group to the trash."""
    group = _group_or_404(uid)
    try:
        delete_group(uid, cancel="cancel" in request.POST)
    except RunError as error:
        messages.error(request, str(error))
        return redirect("runs:group_detail", uid)
    messages.success(request, f"The runs of group {group} were moved to the trash.")
    return redirect("runs:group_list")
