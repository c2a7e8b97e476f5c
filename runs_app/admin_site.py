"""The admin site: its lists under an operator's headings, and the state of things on top."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.template.response import TemplateResponse

from runs_app.choices import RunStatus
from runs_app.disk import read_disk
from runs_app.models import TrainingRun
from runs_app.queueing.page import read_health

SECTIONS: dict[str, tuple[str, ...]] = {
    "Runs": ("TrainingRun", "RunGroup", "Checkpoint", "Artifact", "RunEvent"),
    "Queue and machines": ("Queue", "Slot", "Worker"),
    "Data and jobs": ("DataSet", "Job"),
    "Notifications": ("Notification", "Delivery", "NotificationSwitch", "Alarm"),
}
"""Heading to tables; tables named nowhere stand under their own application."""


class LabSite(admin.AdminSite):
    """Django's admin with headings of its own."""

    site_header = site_title = "AiStemPre"
    index_title = "Overview"

    def get_app_list(
        self, request: HttpRequest, app_label: str | None = None
    ) -> list[dict[str, Any]]:
        """The tables by section; those of one application where it alone is asked for."""
        apps: list[dict[str, Any]] = super().get_app_list(request, app_label)
        found: list[dict[str, Any]] = []
        for app in apps:
            if app["app_label"] != "runs_app":
                found.append(app)
                continue
            tables = {table["object_name"]: table for table in app["models"]}
            for heading, names in SECTIONS.items():
                chosen = [tables.pop(name) for name in names if name in tables]
                found.append(app | {"name": heading, "models": chosen})
            if tables:
                found.append(app | {"models": list(tables.values())})
        return sorted(found, key=lambda app: app["app_label"] != "runs_app")

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """What is wrong, what runs, what the disk has left; then the lists."""
        states = dict(
            TrainingRun.objects.visible().values_list("status").annotate(Count("pk")).order_by()
        )
        answer: TemplateResponse = super().index(
            request,
            {
                "findings": read_health(),
                "states": [(one.value, one.label, states.get(one, 0)) for one in RunStatus],
                "disk": read_disk(),
                "trash": TrainingRun.objects.trashed().aggregate(
                    runs=Count("pk"), bytes=Coalesce(Sum("trash_bytes"), 0)
                ),
            }
            | (extra_context or {}),
        )
        return answer
