"""Where a page that belongs to a draft of the builder leads back to."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from runs_app.forms.draft import load
from runs_app.forms.steps import STEPS
from runs_app.views.builder import builder_address
from runs_app.views.request import HtmxRequest


@dataclass(frozen=True)
class WayBack:
    """A link above a title."""

    href: str
    label: str


def to_builder(request: HtmxRequest, place: str) -> WayBack:
    """The last step of the draft that ``?draft`` names, at ``place``; a new one if it is gone."""
    draft = load(request.session, request.GET.get("draft", ""))
    if not draft.saved_at:
        return WayBack(reverse("runs:new"), "New training run")
    return WayBack(f"{builder_address(STEPS[-1].key, draft)}#{place}", f"Draft: {draft.title}")
