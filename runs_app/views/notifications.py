"""The bell and its page: what happened, and what of it was read."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from runs_app.choices import NotificationKind
from runs_app.forms.numbers import whole_number
from runs_app.notification_models import Notification
from runs_app.notified import mark_read, newest_told, notification_page, unread_count
from runs_app.views.request import HtmxRequest


@require_safe
def notifications(request: HtmxRequest) -> HttpResponse:
    """The whole page; its list alone for htmx."""
    return _show(request)


@require_safe
def bell(request: HtmxRequest) -> HttpResponse:
    """The bell with its count; 204 where it is the one that ``had`` says is shown already."""
    unread = unread_count()
    if request.GET.get("had") == str(unread):
        return HttpResponse(status=204)
    return render(request, "notifications/_bell.html", {"unread": unread})


@require_safe
def newest(request: HtmxRequest) -> HttpResponse:
    """The list that the bell opens."""
    return _list(request)


@require_POST
def notification_read(request: HtmxRequest, pk: int) -> HttpResponse:
    """Mark one as read."""
    mark_read(pk=pk)
    return _show(request) if request.htmx else redirect(_back(request))


@require_POST
def notification_open(request: HtmxRequest, pk: int) -> HttpResponse:
    """Mark one as read and go to what it is about; where it was deleted, to those there are.

    A link that a browser may fetch ahead must not change anything, so that this is a form: pages
    with script have a plain link, which tells ``/notifications/PK/read`` when it is followed.
    """
    mark_read(pk=pk)
    told = Notification.objects.select_related("run").filter(pk=pk).first()
    return redirect(told.address if told else "runs:notifications")


@require_POST
def notifications_read(request: HtmxRequest) -> HttpResponse:
    """Mark all as read, as far as the page that was looked at goes."""
    mark_read(upto=whole_number(request.POST.get("upto", "")) or 0)
    if request.htmx and request.GET.get("in") == "bell":
        return _list(request)
    return _show(request) if request.htmx else redirect(_back(request))


def _list(request: HtmxRequest) -> HttpResponse:
    return render(request, "notifications/_newest.html", {"list": newest_told()})


def _show(request: HtmxRequest) -> HttpResponse:
    asked = request.GET
    page = notification_page(
        whole_number(asked.get("page", "")) or 1,
        only_unread=asked.get("unread") == "true",
        kind=asked.get("kind", ""),
    )
    template = f"notifications/page.html{'#list' if request.htmx else ''}"
    context = {"page": page, "unread": page.unread, "kinds": NotificationKind.choices}
    return render(request, template, context)


def _back(request: HtmxRequest) -> str:
    query = request.GET.urlencode()
    return f"/notifications?{query}" if query else "/notifications"
