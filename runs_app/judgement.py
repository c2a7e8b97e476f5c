"""What is said first about a run that has ended: its verdict, its leak check, or why neither."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from runs_app.choices import Judged, RunStatus
from runs_app.forecasting.evaluation.documents import (
    BASELINES,
    Comparison,
    LeakCheck,
    Outcome,
    Record,
    Verdict,
)
from runs_app.models import TrainingRun


@dataclass(frozen=True)
class Badge:
    """An outcome in a word, a Tabler colour, and a symbol of ``img/icons.svg``."""

    label: str
    colour: str
    icon: str


BADGES: dict[str, Badge] = {
    Judged.BEATS: Badge("Beats", "green", "check"),
    Judged.TIES: Badge("Ties", "yellow", "equal"),
    Judged.LOSES: Badge("Loses", "red", "below"),
}
DOUBTED = Badge("Leaks", "red", "alert")
"""A leak check failed: whatever the scores say is not to be believed."""
NOT_JUDGED = Badge("Not judged", "secondary", "minus")

SCORES: dict[str, str] = {
    "crps": "CRPS",
    "nll": "NLL",
    "pinball": "Pinball loss",
    "squared_error": "Squared error",
}
"""Names of the scores a verdict compares by."""

Found = TypeVar("Found", bound=Record)


@dataclass(frozen=True)
class ComparisonLine:
    """One row of the verdict's table."""

    comparison: Comparison

    @property
    def baseline(self) -> str:
        """The baseline in words."""
        return BASELINES.get(self.comparison.baseline, self.comparison.baseline)

    @property
    def score(self) -> str:
        """The score in words."""
        return SCORES.get(self.comparison.score, self.comparison.score)

    @property
    def badge(self) -> Badge:
        """Whether the model beats, ties or loses to this baseline."""
        return BADGES[self.comparison.outcome]


@dataclass(frozen=True)
class Judgement:
    """The verdict card of one run that has ended."""

    verdict: Verdict | None
    not_judged: str
    """Why there is no verdict, one sentence; empty where there is one."""
    leaks: LeakCheck | None

    @property
    def badge(self) -> Badge:
        """Colour and symbol of the card."""
        if self.verdict is None:
            return NOT_JUDGED
        if self.leaks and not self.leaks.passed:
            return DOUBTED
        return BADGES[self.verdict.outcome]

    @property
    def title(self) -> str:
        """The verdict in two to five words."""
        if self.verdict is None:
            return NOT_JUDGED.label
        if self.badge is DOUBTED:
            return "Not to be believed: it leaks"
        if self.verdict.outcome is Outcome.BEATS:
            return "Beats every baseline"
        word = "Ties with" if self.verdict.outcome is Outcome.TIES else "Loses to"
        return f"{word} {BASELINES.get(self.verdict.baseline, self.verdict.baseline)}"

    @property
    def lines(self) -> list[ComparisonLine]:
        """The model against each baseline, in the verdict's own order."""
        found = self.verdict.comparisons if self.verdict else ()
        return [ComparisonLine(comparison) for comparison in found]


def badge_of(run: TrainingRun) -> Badge | None:
    """The run's outcome for a table; None where it was not judged."""
    if leaks(run):
        return DOUBTED
    return BADGES.get(run.outcome)


def leaks(run: TrainingRun) -> bool:
    """True where a leak check failed."""
    return run.leaks is not None and run.leaks.get("passed") is False


def hardest_skill(verdict: Verdict) -> float | None:
    """The skill against the baseline that is hardest to beat, as a share of its score.

    By the first score of the verdict whose skill is such a share: one by NLL is in nats.
    """
    skills: dict[str, list[float]] = {}
    for one in verdict.comparisons:
        if one.score != "nll" and math.isfinite(one.skill):
            skills.setdefault(one.score, []).append(one.skill)
    return min(next(iter(skills.values()))) if skills else None


def judgement(run: TrainingRun) -> Judgement | None:
    """What the card of ``run`` says; None while the run has not ended."""
    if not run.is_final:
        return None
    verdict = stored(Verdict, run.verdict)
    return Judgement(
        verdict=verdict,
        not_judged="" if verdict else _why_not(run),
        leaks=stored(LeakCheck, run.leaks),
    )


def stored(kind: type[Found], value: Any) -> Found | None:
    """The record in a column; None where there is none, or one of another version's shape."""
    try:
        return None if value is None else kind.model_validate(value)
    except ValidationError:
        return None


def _why_not(run: TrainingRun) -> str:
    if run.verdict is not None:
        return "Not judged: the verdict was stored by another version, whose form is not known."
    if run.status == RunStatus.CANCELLED:
        return "Not judged: the run was cancelled before it could be compared with the baselines."
    if run.status == RunStatus.FAILED:
        return "Not judged: the run failed before it could be compared with the baselines."
    return "Not judged: the trainer ended without comparing the model with the baselines."
