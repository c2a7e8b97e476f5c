"""The data sets."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from runs_app.services.datasets import SUFFIXES, list_data_sets
from runs_app.views.request import HtmxRequest


@require_safe
def datasets(request: HtmxRequest) -> HttpResponse:
    """Every candle file inside DATA_ROOT, with what was found in it."""
    context = {
        "data_sets": list_data_sets(),
        "data_root": _short(settings.DATA_ROOT),
        "suffixes": SUFFIXES,
    }
    return render(request, "datasets/list.html", context)


def _short(folder: Path) -> str:
    """The folder as a person in the checkout would type it."""
    inside = folder.is_relative_to(settings.ROOT)
    return f"{folder.relative_to(settings.ROOT)}/" if inside else str(folder)
