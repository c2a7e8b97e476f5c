"""The admin's lists of notifications: what was told, what went out, and which kind goes where."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from runs_app.admin import ReadOnly, run_link
from runs_app.admin_lists import BoundedPaginator
from runs_app.choices import Channel, NotificationKind
from runs_app.execution import deliveries, wakeups
from runs_app.notification_models import Alarm, Delivery, Notification, NotificationSwitch


@admin.register(Notification)
class NotificationAdmin(ReadOnly):
    """What people were told."""

    list_display = ("created_at", "kind", "sentence", "run_page", "read_at")
    list_filter = ("kind", ("read_at", admin.EmptyFieldListFilter), "created_at")
    search_fields = ("sentence",)
    list_select_related = ("run",)
    show_full_result_count = False
    paginator = BoundedPaginator
    actions = ("read",)

    @admin.display(description="run")
    def run_page(self, row: Notification) -> SafeString | str:
        """Link to its run's dashboard."""
        return run_link(row.run) if row.run else "–"

    @admin.action(description="Mark the selected notifications as read", permissions=["view"])
    def read(self, request: HttpRequest, rows: QuerySet[Notification]) -> None:
        """As on their page."""
        done = rows.filter(read_at=None).update(read_at=timezone.now())
        messages.success(request, f"{done} marked as read.")


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly):
    """What went out, and why something did not arrive."""

    list_display = ("notification", "channel", "state", "tries", "next_try", "sent_at", "fault")
    list_filter = ("state", "channel", "notification__kind")
    search_fields = ("uid", "fault", "notification__sentence")
    list_select_related = ("notification",)
    show_full_result_count = False
    paginator = BoundedPaginator
    actions = ("try_again",)

    @admin.display(description="next try")
    def next_try(self, row: Delivery) -> str:
        """When it is tried again, where it is."""
        return f"{row.next_at:%Y-%m-%d %H:%M:%S} UTC" if row.state == "waiting" else "–"

    @admin.action(description="Try the selected deliveries again now", permissions=["view"])
    def try_again(self, request: HttpRequest, rows: QuerySet[Delivery]) -> None:
        """With all their tries; what has arrived is not sent again."""
        done = sum(deliveries.try_again(row.pk) for row in rows)
        if done:
            wakeups.wake_deliveries()
        messages.success(request, f"{done} of {len(rows)} are tried again now.")


class SwitchForm(forms.ModelForm):  # type: ignore[type-arg]
    """One line of switches; each names its kind to those who do not see the table."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for channel in Channel:
            words = f"{self.instance.get_kind_display()} by {channel.label}"
            self.fields[channel.value].widget.attrs["aria-label"] = words


@admin.register(NotificationSwitch)
class NotificationSwitchAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Which kind goes out by which way; the bell tells of every one."""

    list_display = ("kind", "email", "webhook")
    list_display_links = None
    list_editable = ("email", "webhook")
    readonly_fields = ("kind",)

    def get_changelist_form(self, request: HttpRequest, **options: Any) -> type[forms.ModelForm]:  # type: ignore[type-arg]
        """With names for its boxes."""
        return SwitchForm

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """There is a row for every kind."""
        for kind in NotificationKind:
            NotificationSwitch.objects.get_or_create(kind=kind)
        answer: HttpResponse = super().changelist_view(request, extra_context)
        return answer

    def has_add_permission(self, request: HttpRequest) -> bool:
        """The kinds are the product's."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The kinds are the product's."""
        return False


@admin.register(Alarm)
class AlarmAdmin(ReadOnly):
    """What is wrong just now and was told."""

    list_display = ("key", "since")
