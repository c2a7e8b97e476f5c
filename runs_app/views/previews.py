"""The builder's fragments that show what the draft means: charts, inputs, losses, estimates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from runs_app.forecasting.errors import ConfigInvalid
from runs_app.forms.draft import Draft, load
from runs_app.forms.feature_picture import feature_pictures
from runs_app.forms.loss_picture import loss_page
from runs_app.forms.split_picture import split_picture
from runs_app.forms.wizard import told
from runs_app.services.draft_previews import feature_preview, loss_shapes, split_preview
from runs_app.services.estimates import estimate
from runs_app.views.request import HtmxRequest


@require_safe
def preview(request: HtmxRequest, what: str) -> HttpResponse:
    """One fragment of the draft as it stands; where the draft is at fault it says so instead."""
    make = PREVIEWS.get(what)
    if make is None:
        raise Http404(f"The builder has no preview {what}.")
    draft = load(request.session, request.GET.get("draft", ""))
    context: dict[str, Any] = {"draft": draft}
    try:
        context |= make(draft)
    except ConfigInvalid as invalid:
        context["faults"] = told(invalid.errors)
        if what == "losses":
            context["losses"] = loss_page(str(draft.shown("loss.kind")), None)
    return render(request, f"builder/_preview_{what}.html", context)


def _split(draft: Draft) -> dict[str, Any]:
    return {"picture": split_picture(split_preview(draft.payload()))}


def _features(draft: Draft) -> dict[str, Any]:
    found = feature_preview(draft.payload())
    return {"groups": feature_pictures(found), "warmup": found.warmup_bars}


def _losses(draft: Draft) -> dict[str, Any]:
    return {"losses": loss_page(str(draft.shown("loss.kind")), loss_shapes(draft.payload()))}


def _estimate(draft: Draft) -> dict[str, Any]:
    return {"estimate": estimate(draft.payload())}


PREVIEWS: dict[str, Callable[[Draft], dict[str, Any]]] = {
    "split": _split,
    "features": _features,
    "losses": _losses,
    "estimate": _estimate,
}
