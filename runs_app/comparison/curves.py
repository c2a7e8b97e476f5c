"""The curves of one run, thinned so that no spike is lost, read without its whole payloads.

A hundred thousand steps are common and twenty runs are asked for at once: single values are picked
out of the events by the database, and what a run had once read stays in memory until it has news.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db.models import F, Func, Max, Min, TextField

from runs_app.choices import EventKind
from runs_app.models import RunEvent, TrainingRun
from runs_app.series import BACK_TO_STEP, CURVE_KINDS, finite, thin

POINTS = 1000
"""Points of the training loss that the page of a comparison asks for."""
VALIDATIONS = 2000
"""Most validations of a run that are returned; more are thinned by their loss."""
KEPT_RUNS = 64
"""Thinned curves that stay in memory: about a tenth of a megabyte each."""

VALIDATION_KEYS = (
    "val_loss", "val_nll", "val_crps", "val_pinball", "val_rmse", "val_da", "val_f1",
)  # fmt: skip
"""What one validation contributes, in the order of the columns after step, epoch and seconds."""

VALIDATION_COLUMNS = ("step", "epoch", "seconds", *VALIDATION_KEYS)

NOT_FINITE = "NaN"
"""A loss that was not finite, while points are thinned: a gap matters no less than a peak."""

StepRow = tuple[int, int, float | str]
"""(seq, step, loss)"""


class _Text(Func):
    """The text or number of one key of a JSON column; None where there is none.

    Django's own key transform asks SQLite for type and value, which doubles the time.
    """

    output_field = TextField()

    def __init__(self, column: str, key: str) -> None:
        self.key = key
        super().__init__(F(column))

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """SQLite: a number comes as a number."""
        return super().as_sql(
            compiler, connection, template=f"JSON_EXTRACT(%(expressions)s, '$.{self.key}')"
        )

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """PostgreSQL: all comes as text."""
        return super().as_sql(compiler, connection, template=f"(%(expressions)s ->> '{self.key}')")


@dataclass(frozen=True)
class Curves:
    """Points in order; None is a value that is not finite or does not exist."""

    training: list[tuple[int, float, float | None]]
    """(step, seconds trained, training loss)"""
    means: list[tuple[int, float, float | None]]
    """The same, each the mean of what lies between two thinned points; empty where none was left
    out. Smoothing goes by these, because the thinned points are extremes."""
    validations: list[tuple[Any, ...]]
    """In the order of ``VALIDATION_COLUMNS``."""
    total: int
    """Training losses before thinning."""
    steps_per_epoch: int | None
    """By which a step is an epoch and a part of one."""


def curves(run: TrainingRun, *, limit: int = POINTS) -> Curves:
    """The curves of ``run`` up to its ``last_seq``; what was done again is drawn once."""
    per_epoch = run.metrics.get("steps_per_epoch")
    return _curves(run.pk, run.last_seq, limit, per_epoch if isinstance(per_epoch, int) else None)


@lru_cache(maxsize=KEPT_RUNS)
def _curves(run_pk: int, last_seq: int, limit: int, steps_per_epoch: int | None) -> Curves:
    events = RunEvent.objects.filter(run_id=run_pk, seq__lte=last_seq)
    steps, validated = _scan(events)
    kept = thin(steps, limit, column=2)
    means = _means(steps, limit) if len(kept) < len(steps) else []
    rows = _validations(events, thin(validated, VALIDATIONS, column=2))
    clock = _Clock(events, [seq for seq, *_ in (*kept, *means, *rows)])
    return Curves(
        training=[(step, clock.seconds(seq), finite(loss)) for seq, step, loss in kept],
        means=[(step, clock.seconds(seq), finite(loss)) for seq, step, loss in means],
        validations=[(*row[1:3], clock.seconds(row[0]), *row[3:]) for row in rows],
        total=len(steps),
        steps_per_epoch=steps_per_epoch,
    )


def _scan(events: Any) -> tuple[list[StepRow], list[StepRow]]:
    """Training losses and validation losses that count, in order."""
    backs = [
        (seq, payload[BACK_TO_STEP])
        for seq, payload in events.filter(kind=EventKind.STATUS, payload__has_key=BACK_TO_STEP)
        .order_by("seq")
        .values_list("seq", "payload")
        if isinstance(payload[BACK_TO_STEP], int)
    ]
    steps: list[StepRow] = []
    validated: list[StepRow] = []
    found = (
        events.filter(kind=EventKind.METRICS)
        .order_by("seq")
        .values_list(
            "seq", _Text("payload", "step"), _Text("payload", "train_loss"),
            _Text("payload", "val_loss"),
        )
        .iterator(chunk_size=5000)
    )  # fmt: skip
    bounds = _bounds(backs)
    until, cap = next(bounds)
    for seq, step, train, val in found:
        while seq > until:
            until, cap = next(bounds)
        number = int(step) if step is not None else None
        if number is None or number > cap:
            continue
        if val is not None:
            validated.append((seq, number, _number(val)))
        elif train is not None:
            steps.append((seq, number, _number(train)))
    return steps, validated


def _bounds(backs: list[tuple[int, int]]) -> Iterator[tuple[float, float]]:
    """Up to which ``seq`` only which steps count: later ones were done again afterwards."""
    for at, (seq, _) in enumerate(backs):
        yield seq, min(step for _, step in backs[at:])
    yield math.inf, math.inf


def _number(value: Any) -> float | str:
    """The number in what a database gives for a JSON value."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return NOT_FINITE
    return number if math.isfinite(number) else NOT_FINITE


def _means(steps: list[StepRow], limit: int) -> list[StepRow]:
    buckets = max(limit // 2 - 1, 1)
    means: list[StepRow] = []
    for number in range(buckets):
        bucket = steps[len(steps) * number // buckets : len(steps) * (number + 1) // buckets]
        known = [loss for _, _, loss in bucket if isinstance(loss, float)]
        seq, step, _ = bucket[len(bucket) // 2]
        means.append((seq, step, math.fsum(known) / len(known) if known else NOT_FINITE))
    return means


def _validations(events: Any, kept: Sequence[StepRow]) -> list[tuple[Any, ...]]:
    """(seq, step, epoch, scores...) of these validations."""
    seqs = [seq for seq, *_ in kept]
    payloads = dict(events.filter(seq__in=seqs).values_list("seq", "payload"))
    rows = []
    for seq, step, _ in kept:
        scores = (finite(payloads[seq].get(key)) for key in VALIDATION_KEYS)
        rows.append((seq, step, payloads[seq].get("epoch"), *scores))
    return rows


class _Clock:
    """Seconds a run had trained at an event: the pauses between its attempts are left out."""

    def __init__(self, events: Any, seqs: list[int]) -> None:
        spans = (
            events.filter(kind__in=CURVE_KINDS)
            .values("attempt")
            .annotate(first=Min("seq"), last=Max("seq"))
            .order_by("attempt")
        )
        ends = [(row["attempt"], row["first"], row["last"]) for row in spans]
        wanted = {*seqs, *(seq for _, first, last in ends for seq in (first, last))}
        found = events.filter(seq__in=wanted).values_list("seq", "attempt", "at")
        self._at: dict[int, tuple[int, datetime]] = {seq: (n, at) for seq, n, at in found}
        self._start: dict[int, tuple[datetime, float]] = {}
        before = 0.0
        for attempt, first, last in ends:
            began = self._at[first][1]
            self._start[attempt] = (began, before)
            before += (self._at[last][1] - began).total_seconds()

    def seconds(self, seq: int) -> float:
        """Seconds trained until the event of this number, to the millisecond."""
        attempt, at = self._at[seq]
        began, before = self._start[attempt]
        return round(before + (at - began).total_seconds(), 3)
