"""One decision of a completed run: what was known, what was said, what came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from runs_app.errors import DecisionInvalid, ReportMissing
from runs_app.forecasting.decision.documents import Forecaster, VolatilitySeen
from runs_app.forms.decision_picture import (
    DensityPicture,
    DirectionLine,
    TimeframeLines,
    density_picture,
    direction_lines,
    timeframe_lines,
)
from runs_app.forms.split_picture import instant
from runs_app.models import TrainingRun
from runs_app.services.decision_times import MAX_TEXT, address
from runs_app.services.decisions import Found, find_decision
from runs_app.services.report import SCORES, named
from runs_app.views.request import HtmxRequest, run_or_404


@dataclass(frozen=True)
class DecisionPage:
    """``runs/decision.html``: a decision in words and pictures."""

    run: TrainingRun
    found: Found
    picture: DensityPicture
    directions: list[DirectionLine]
    timeframes: list[TimeframeLines]

    @property
    def at(self) -> datetime:
        """When it was made."""
        return instant(self.found.decision.at)

    @property
    def address(self) -> str:
        """The same as the field takes it."""
        return address(self.found.decision.at)

    @property
    def outcome_at(self) -> datetime | None:
        """When the outcome was known."""
        known = self.found.decision.outcome_at
        return None if known is None else instant(known)

    @property
    def previous(self) -> str:
        """``at`` of the decision before; empty at the first one."""
        return address(self.found.previous) if self.found.previous is not None else ""

    @property
    def next(self) -> str:
        """``at`` of the decision after; empty at the last one."""
        return address(self.found.next) if self.found.next is not None else ""

    @property
    def forecasters(self) -> list[tuple[str, Forecaster]]:
        """Each with its name, the model first."""
        return [(named(one.key), one) for one in self.found.decision.forecasters]

    @property
    def model(self) -> Forecaster:
        """The model's forecast."""
        return self.found.decision.forecasters[0]

    @property
    def has_baselines(self) -> bool:
        """Whether the run kept what its baselines said."""
        return len(self.found.decision.forecasters) > 1

    @property
    def has_pinball(self) -> bool:
        """Whether the model is judged by its quantiles."""
        return self.model.pinball is not None

    @property
    def volatilities(self) -> tuple[VolatilitySeen, ...]:
        """What the heads got besides the windows."""
        inputs = self.found.decision.inputs
        return () if inputs is None else inputs.volatilities

    @property
    def loss_score(self) -> str:
        """The score by which losses are ranked, in words."""
        name = self.found.decision.loss_score
        return SCORES[name][0] if name in SCORES else name.replace("_", " ")


@require_safe
def run_decision(request: HtmxRequest, uid: str) -> HttpResponse:
    """The decision of ``?at=``, the newest without it; else why there is none, and the nearest."""
    run = run_or_404(uid)
    asked = request.GET.get("at", "").strip()
    context = {"run": run, "asked": asked[:MAX_TEXT]}
    try:
        found = find_decision(run, asked)
    except ReportMissing as missing:
        return render(request, "runs/decision.html", {**context, "missing": missing}, status=404)
    except DecisionInvalid as invalid:
        context |= {"invalid": str(invalid), "nearest": address(invalid.nearest)}
        return render(request, "runs/decision.html", context, status=422)
    page = DecisionPage(
        run=run,
        found=found,
        picture=density_picture(found.decision),
        directions=direction_lines(found.decision),
        timeframes=timeframe_lines(found.decision),
    )
    return render(request, "runs/decision.html", {**context, "page": page, "asked": page.address})
