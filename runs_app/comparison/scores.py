"""The scores of the runs of a comparison, row by row, with the best one marked where one may be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from runs_app.comparison.comparable import Comparability
from runs_app.comparison.facts import Facts
from runs_app.comparison.metrics import METRICS, Better, Metric, Part
from runs_app.forecasting.evaluation.documents import BASELINES, Comparison


@dataclass(frozen=True)
class ScoreCell:
    """A score of one run, in the unit shown."""

    value: float | None
    best: bool = False
    tied: bool = False
    """True where others are as good."""
    comparison: Comparison | None = None
    """Of a skill: its interval, p, and the baseline."""

    @property
    def baseline(self) -> str:
        """The baseline of a skill in words."""
        name = self.comparison.baseline if self.comparison else ""
        return BASELINES.get(name, name)


@dataclass(frozen=True)
class ScoreRow:
    """One score over all runs."""

    metric: Metric
    cells: tuple[ScoreCell, ...]
    marked: bool
    """True where a best value is marked: runs differ in it, and are comparable."""


@dataclass(frozen=True)
class ScoreGroup:
    """Rows measured on one part of the data."""

    title: str
    rows: tuple[ScoreRow, ...]


def score_groups(facts: Sequence[Facts], may: Comparability) -> list[ScoreGroup]:
    """The scores that at least one run has."""
    rows = [_row(metric, facts, may) for metric in METRICS]
    known = [row for row in rows if any(cell.value is not None for cell in row.cells)]
    groups = [
        ScoreGroup(part.value, tuple(row for row in known if row.metric.part is part))
        for part in Part
    ]
    return [group for group in groups if group.rows]


def _row(metric: Metric, facts: Sequence[Facts], may: Comparability) -> ScoreRow:
    values = [metric.value(one) for one in facts]
    known = [value for value in values if value is not None]
    # Where all are the same none is the best.
    marked = len(set(known)) > 1 and _comparable(metric, may)
    best = min((_distance(metric, value) for value in known), default=math.inf)
    are_best = [
        marked and value is not None and _distance(metric, value) == best for value in values
    ]
    score = metric.key.removeprefix("skill_") if metric.key.startswith("skill_") else ""
    return ScoreRow(
        metric=metric,
        marked=marked,
        cells=tuple(
            ScoreCell(
                value=None if value is None else value * metric.factor,
                best=is_best,
                tied=is_best and sum(are_best) > 1,
                comparison=one.skill(score) if score else None,
            )
            for one, value, is_best in zip(facts, values, are_best, strict=True)
        ),
    )


def _comparable(metric: Metric, may: Comparability) -> bool:
    if metric.of_loss and not may.losses:
        return False
    if metric.part is Part.TEST:
        return may.test
    return may.validation if metric.part is Part.VALIDATION else may.test and may.validation


def _distance(metric: Metric, value: float) -> float:
    """How far from good: the lower the better, whatever the direction of the score."""
    if metric.better is Better.LOWER:
        return value
    return -value if metric.better is Better.HIGHER else abs(value - metric.target)
