"""The curves of one run for a comparison, out of its blocks, thinned so that no spike is lost.

A hundred thousand steps are common and twenty runs are asked for at once: what a run had once read
stays in memory until it has news.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
from django.db.models import Max, Min, QuerySet
from numpy.typing import NDArray

from runs_app.models import RunEvent, TrainingRun
from runs_app.points.columns import Columns, milliseconds, thin
from runs_app.points.reading import Window, read_curves
from runs_app.series import CURVE_KINDS, finite

POINTS = 1000
"""Points of the training loss that the page of a comparison asks for."""
VALIDATIONS = 2000
"""Most validations of a run that are returned; more are thinned by their loss."""
ALL_VALIDATIONS = Window(width=5000)
"""Each epoch has one, and a run has at most twice as many epochs, so that all of them are read."""
KEPT_RUNS = 64
"""Thinned curves that stay in memory: about a tenth of a megabyte each."""

VALIDATION_KEYS = (
    "val_loss", "val_nll", "val_crps", "val_pinball", "val_rmse", "val_da", "val_f1",
)  # fmt: skip
"""What one validation contributes, in the order of the columns after step, epoch and seconds."""

VALIDATION_COLUMNS = ("step", "epoch", "seconds", *VALIDATION_KEYS)

Row = tuple[int, float, float | None]
"""(step, seconds trained, loss)"""


@dataclass(frozen=True)
class Curves:
    """Points in order; None is a value that is not finite or does not exist."""

    training: list[Row]
    means: list[Row]
    """The same as means of equally many neighbours; empty where none was left out. Smoothing goes
    by these, because the thinned points are extremes."""
    validations: list[tuple[Any, ...]]
    """In the order of ``VALIDATION_COLUMNS``."""
    total: int
    """Training losses before thinning."""
    steps_per_epoch: int | None
    """By which a step is an epoch and a part of one."""


def curves(run: TrainingRun, *, limit: int = POINTS) -> Curves:
    """The curves of ``run`` up to its ``last_seq``; what was done again is drawn once."""
    return _curves(_Wanted(run.uid, run.last_seq, limit, run))


@dataclass(frozen=True)
class _Wanted:
    """What is read, and by what it is known again."""

    uid: str
    last_seq: int
    limit: int
    run: TrainingRun = field(compare=False)


@lru_cache(maxsize=KEPT_RUNS)
def _curves(wanted: _Wanted) -> Curves:
    run = wanted.run
    per_epoch = run.metrics.get("steps_per_epoch")
    steps_per_epoch = per_epoch if isinstance(per_epoch, int) else None
    clock = _Clock(run)
    (loss,) = read_curves(run, ["train_loss"], Window(width=wanted.limit // 2, means=True))
    return Curves(
        training=list(_rows(loss.points, clock)),
        means=list(_rows(loss.means, clock)),
        validations=_validations(run, clock, steps_per_epoch),
        total=loss.total,
        steps_per_epoch=steps_per_epoch,
    )


def _rows(points: Columns, clock: _Clock) -> Iterable[Row]:
    values = map(finite, points["value"].tolist())
    return zip(points["step"].tolist(), clock.seconds(points["at"]), values, strict=True)


def _validations(
    run: TrainingRun, clock: _Clock, steps_per_epoch: int | None
) -> list[tuple[Any, ...]]:
    """A row for each validation: step, epoch, seconds and scores."""
    found = read_curves(run, VALIDATION_KEYS, ALL_VALIDATIONS)
    kept = thin(found[0].points, VALIDATIONS)
    scores = [
        dict(zip(one.points["step"].tolist(), one.points["value"].tolist(), strict=True))
        for one in found
    ]
    return [
        (
            step,
            round(step / steps_per_epoch) if steps_per_epoch else None,
            seconds,
            *(finite(score.get(step)) for score in scores),
        )
        for step, seconds in zip(kept["step"].tolist(), clock.seconds(kept["at"]), strict=True)
    ]


class _Clock:
    """Seconds a run had trained at a moment: the pauses between its attempts are left out."""

    def __init__(self, run: TrainingRun) -> None:
        own = run.events.filter(kind__in=CURVE_KINDS, seq__lte=run.last_seq)
        if run.attempt > 1:
            spans = own.values("attempt").annotate(first=Min("at"), last=Max("at"))
            moments = list(spans.order_by("attempt").values_list("first", "last"))
        else:  # most runs, and no need to look at each of their events
            moments = list(zip(_edge(own, "seq"), _edge(own, "-seq"), strict=True))
        ends = [(milliseconds(first), milliseconds(last)) for first, last in moments]
        lengths = np.cumsum([0.0, *(last - first for first, last in ends)])
        self._began = np.array([first for first, _ in ends])
        self._before = lengths[:-1]

    def seconds(self, at: NDArray[np.float64]) -> list[float]:
        """Seconds trained until these moments, to the millisecond."""
        if not len(at):
            return []
        attempt = np.maximum(np.searchsorted(self._began, at, side="right") - 1, 0)
        trained: list[float] = (self._before[attempt] + at - self._began[attempt]).tolist()
        return [round(one / 1000, 3) for one in trained]


def _edge(events: QuerySet[RunEvent], order: str) -> QuerySet[RunEvent, datetime]:
    return events.order_by(order).values_list("at", flat=True)[:1]
