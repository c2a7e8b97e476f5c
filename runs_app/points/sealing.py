"""Keeps the curves of a run in blocks while its events are stored, in the same transaction.

A block of level 0 holds every point of one metric in so many events; 16 blocks of a level are one
of the next, thinned. Numbers of blocks tell their place: a block of level L with number n covers
the blocks of level 0 from ``n * 16**L`` on. Where the fit goes back a new stretch begins, whose
numbers begin at the next multiple of STRETCH, so that no block holds points of two stretches. What
is not in blocks yet is less than one of them, and is read from the events.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from django.db import transaction

from runs_app.choices import EventKind
from runs_app.curve_block import CurveBlock
from runs_app.models import RunEvent, TrainingRun
from runs_app.points.columns import (
    CURVE_EVENTS,
    POINT,
    Columns,
    figures,
    milliseconds,
    packed,
    thin,
    unpacked,
)
from runs_app.series import BACK_TO_STEP

BLOCK_EVENTS = 1024
"""Events in a block of level 0."""

FAN = 16
"""Blocks that one of the next level covers."""

LEVELS = 4
STRETCH = FAN**6
"""Numbers of blocks that one stretch may use: more events than a disk holds."""

KEPT_POINTS = 512
"""Points of a block above level 0."""

REBUILT_EVENTS = 16 * BLOCK_EVENTS
"""Events that a rebuilding reads in one transaction."""

Row = tuple[int, str, datetime, dict[str, Any]]
"""Number, kind, time and payload of an event."""


@dataclass
class _Pending:
    """The points of events that are not in a block yet, by metric."""

    def __post_init__(self) -> None:
        self.events = 0
        self.points: dict[str, list[tuple[int, float, float]]] = defaultdict(list)

    def add(self, row: Row) -> None:
        """Take the points of one event."""
        self.events += 1
        found = figures(row[1], row[3])
        if found is not None:
            at = milliseconds(row[2])
            for name, value in found[1].items():
                self.points[name].append((found[0], at, value))


def is_back(kind: str, payload: dict[str, Any]) -> bool:
    """True for the event with which a new stretch begins."""
    return kind == EventKind.STATUS and BACK_TO_STEP in payload


def seal(run: TrainingRun, events: list[RunEvent]) -> dict[str, int]:
    """Put what is due into blocks; returns what changes in the run's row.

    ``run`` is locked and as it was before ``events`` were stored. Needs ``last_seq`` and the three
    ``curve_`` fields.
    """
    fresh = [
        (event.seq, str(event.kind), event.at, event.payload)
        for event in events
        if event.kind in CURVE_EVENTS or is_back(event.kind, event.payload)
    ]
    due = run.curve_waiting + len(fresh) >= BLOCK_EVENTS
    if not due and not any(is_back(kind, payload) for _, kind, _, payload in fresh):
        return {"curve_waiting": run.curve_waiting + len(fresh)} if fresh else {}
    waiting = unsealed(run.pk, run.curve_seq, run.last_seq)
    return _seal_rows(run, (*waiting, *fresh))


def unsealed(run_pk: int, after: int, up_to: int, limit: int | None = None) -> list[Row]:
    """The events of curves with ``after < seq <= up_to``, and those with which stretches begin."""
    rows = RunEvent.objects.filter(
        run_id=run_pk, seq__gt=after, seq__lte=up_to, kind__in=(*CURVE_EVENTS, EventKind.STATUS)
    )
    found = rows.order_by("seq").values_list("seq", "kind", "at", "payload")[:limit]
    return [row for row in found if row[1] in CURVE_EVENTS or is_back(row[1], row[3])]


def _seal_rows(run: TrainingRun, rows: Iterable[Row]) -> dict[str, int]:
    sealed, number = run.curve_seq, run.curve_number
    pending = _Pending()
    for row in rows:
        if is_back(row[1], row[3]):
            if pending.events:
                _store(run.pk, number, pending)
            number = (number // STRETCH + 1) * STRETCH
            sealed, pending = row[0], _Pending()
            continue
        pending.add(row)
        if pending.events == BLOCK_EVENTS:
            _store(run.pk, number, pending)
            sealed, number, pending = row[0], number + 1, _Pending()
    return {"curve_seq": sealed, "curve_number": number, "curve_waiting": pending.events}


def _store(run_pk: int, number: int, pending: _Pending) -> None:
    """A block of level 0 for each metric, and what it completes above."""
    blocks = [
        _block(run_pk, name, 0, number, np.array(points, POINT), len(points))
        for name, points in pending.points.items()
    ]
    CurveBlock.objects.bulk_create(blocks)
    for level in range(1, LEVELS):
        span = FAN**level
        if (number + 1) % span:
            return
        _join(run_pk, level, number // span)


def _join(run_pk: int, level: int, number: int) -> None:
    """Make the blocks of a level of those of the level below."""
    below = CurveBlock.objects.filter(
        run_id=run_pk,
        level=level - 1,
        number__gte=number * FAN,
        number__lt=(number + 1) * FAN,
    ).order_by("number")
    parts: dict[str, list[Columns]] = defaultdict(list)
    counts: dict[str, int] = defaultdict(int)
    for name, count, data in below.values_list("metric", "count", "points"):
        parts[name].append(unpacked(data))
        counts[name] += count
    CurveBlock.objects.bulk_create(
        _block(run_pk, name, level, number, thin(np.concatenate(found), KEPT_POINTS), counts[name])
        for name, found in parts.items()
    )


def _block(
    run_pk: int, metric: str, level: int, number: int, points: Columns, count: int
) -> CurveBlock:
    return CurveBlock(
        run_id=run_pk,
        metric=metric[:100],
        level=level,
        number=number,
        count=count,
        first_step=points["step"][0],
        last_step=points["step"][-1],
        first_at=points["at"][0],
        last_at=points["at"][-1],
        points=packed(points),
    )


def rebuild(run_pk: int) -> int:
    """Make all blocks of a run again from its events; returns how many events were read.

    A run that is written meanwhile is locked for a moment at a time.
    """
    with transaction.atomic():
        TrainingRun.objects.select_for_update().only("pk").get(pk=run_pk)
        CurveBlock.objects.filter(run_id=run_pk).delete()
        TrainingRun.objects.filter(pk=run_pk).update(curve_seq=0, curve_number=0, curve_waiting=0)
    read = 0
    while True:
        with transaction.atomic():
            run = TrainingRun.objects.select_for_update().get(pk=run_pk)
            rows = unsealed(run_pk, run.curve_seq, run.last_seq, REBUILT_EVENTS)
            changed = _seal_rows(run, rows)
            TrainingRun.objects.filter(pk=run_pk).update(**changed)
        read += len(rows) - changed["curve_waiting"]
        if changed["curve_seq"] == run.curve_seq:
            return read
