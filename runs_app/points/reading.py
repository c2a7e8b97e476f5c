"""Reads the curves of a run for a chart: whole or a window of it, thinned to the chart's width.

What is superseded (the fit went back and did it again) is set apart by stretch. A curve is read
from as few blocks as show it well: coarse ones where many points fall on one pixel, and all points
where the window is narrow enough. Every answer holds the lowest and the highest value of each part
of the window; on request also the mean of each, which is what a chart smooths, since extremes say
nothing of what lies between them. Coarse blocks know no means, so that they take all points.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.db.models import Q

from runs_app.curve_block import CurveBlock
from runs_app.models import TrainingRun
from runs_app.points.columns import (
    POINT,
    Columns,
    figures,
    means,
    milliseconds,
    nothing,
    thin,
    unpacked,
)
from runs_app.points.sealing import (
    FAN,
    KEPT_POINTS,
    LEVELS,
    STRETCH,
    Row,
    is_back,
    unsealed,
)
from runs_app.series import BACK_TO_STEP, MAX_ABANDONED

ENDLESS = float("inf")
RANGES = 200
"""Ranges of blocks in one query; a database bounds how deep its conditions may be."""


@dataclass(frozen=True)
class Window:
    """The part of the curves that a chart shows, bounds included, and its width in pixels."""

    by: str = "step"
    """Field of POINT in which the bounds are: ``step`` or ``at``."""
    start: float = -ENDLESS
    end: float = ENDLESS
    width: int = 1000
    means: bool = False
    """True where the means of what is left out are wanted, too."""

    def touches(self, part: _Part) -> bool:
        """True where some of a block may lie inside."""
        return part.last[self.by] >= self.start and part.first[self.by] <= self.end

    def cut(self, points: Columns) -> Columns:
        """Those inside, and one more at each side, so that a line reaches the edges."""
        if not len(points) or (self.start == -ENDLESS and self.end == ENDLESS):
            return points
        inside = np.flatnonzero((points[self.by] >= self.start) & (points[self.by] <= self.end))
        if not len(inside):
            return nothing()
        return points[max(inside[0] - 1, 0) : inside[-1] + 2]


@dataclass(frozen=True)
class Piece:
    """Points that an attempt left behind when the fit went back."""

    attempt: int
    points: Columns


@dataclass(frozen=True)
class Curve:
    """One metric in a window."""

    metric: str
    points: Columns
    total: int
    """Points in the window before thinning, without the abandoned ones."""
    exact: bool
    """True where ``points`` are all there are."""
    abandoned: list[Piece] = field(default_factory=list)
    means: Columns = field(default_factory=nothing)
    """At most ``Window.width``, each of equally many neighbours; none where not wanted or exact."""


@dataclass(frozen=True)
class _Stretch:
    """Events between two returns of the fit."""

    number: int
    attempt: int
    last_live: float
    """Later steps were done again."""


@dataclass(eq=False)
class _Part:
    """A block of a curve, or what is not in blocks yet."""

    level: int
    number: int
    count: int
    first: dict[str, float]
    last: dict[str, float]
    data: bytes | Columns

    @property
    def stretch(self) -> int:
        return int(self.number * FAN**self.level // STRETCH)

    @property
    def held(self) -> int:
        """Points that it holds, about."""
        return min(self.count, KEPT_POINTS) if self.level else self.count

    def points(self) -> Columns:
        return self.data if isinstance(self.data, np.ndarray) else unpacked(self.data)


def read_curves(run: TrainingRun, metrics: Sequence[str], window: Window) -> list[Curve]:
    """The curves of these metrics up to ``run.last_seq``, in their order."""
    stretches = _stretches(run)
    tail = unsealed(run.pk, run.curve_seq, run.last_seq)
    blocks = _coarse(run, metrics)
    waiting = _waiting(run, tail)
    return [
        _curve(run, name, window, stretches, [*blocks[name], *waiting.get(name, [])])
        for name in metrics
    ]


def _stretches(run: TrainingRun) -> list[_Stretch]:
    events = run.events.filter(kind="status", seq__lte=run.last_seq).order_by("seq")
    backs = [
        (attempt, payload[BACK_TO_STEP])
        for attempt, payload in events.values_list("attempt", "payload")
        if BACK_TO_STEP in payload
    ]
    first = run.events.filter(kind="metrics").order_by("seq").values_list("attempt", flat=True)
    begun = [(first.first() or run.attempt, 0), *backs]
    last_live = ENDLESS
    found = []
    for number in range(len(begun) - 1, -1, -1):
        found.append(_Stretch(number, begun[number][0], last_live))
        last_live = min(last_live, begun[number][1])
    return found[::-1]


def _waiting(run: TrainingRun, rows: Iterable[Row]) -> dict[str, list[_Part]]:
    """What is in no block yet, by metric and by stretch."""
    number = run.curve_number
    found: dict[str, dict[int, list[tuple[int, float, float]]]] = defaultdict(dict)
    for _, kind, at, payload in rows:
        if is_back(kind, payload):
            number = (number // STRETCH + 1) * STRETCH
            continue
        known = figures(kind, payload)
        if known is None:
            continue
        moment = milliseconds(at)
        for name, value in known[1].items():
            found[name].setdefault(number, []).append((known[0], moment, value))
    return {
        name: [_part_of(place, np.array(points, POINT)) for place, points in parts.items()]
        for name, parts in found.items()
    }


def _part_of(number: int, points: Columns) -> _Part:
    first, last = points[0], points[-1]
    return _Part(
        0, number, len(points),
        {"step": first["step"], "at": first["at"]},
        {"step": last["step"], "at": last["at"]},
        points,
    )  # fmt: skip


_FIELDS = (
    "metric", "level", "number", "count", "first_step", "first_at", "last_step", "last_at",
    "points",
)  # fmt: skip


def _part(row: tuple[Any, ...]) -> _Part:
    _, level, number, count, first_step, first_at, last_step, last_at, data = row
    return _Part(
        level, number, count,
        {"step": first_step, "at": first_at},
        {"step": last_step, "at": last_at},
        bytes(data),
    )  # fmt: skip


def _coarse(run: TrainingRun, metrics: Sequence[str]) -> dict[str, list[_Part]]:
    """By metric: all blocks above level 0, and those of level 0 that are in none of them."""
    found: dict[str, list[_Part]] = defaultdict(list)
    last: dict[int, int] = {}
    for name, part in _blocks(run, metrics, Q(level__gt=0)):
        found[name].append(part)
        if part.level == 1:
            last[part.stretch] = max(last.get(part.stretch, -1), part.number)
    loose = [
        ((last[stretch] + 1) * FAN if stretch in last else stretch * STRETCH,
         (stretch + 1) * STRETCH)
        for stretch in range(run.curve_number // STRETCH + 1)
    ]  # fmt: skip
    for name, part in _fine_blocks(run, metrics, loose):
        found[name].append(part)
    return found


def _blocks(run: TrainingRun, metrics: Sequence[str], wanted: Q) -> Iterable[tuple[str, _Part]]:
    """Blocks with their metrics; those that came after the run's row was read are not there yet."""
    rows = CurveBlock.objects.filter(wanted, run_id=run.pk, metric__in=metrics).order_by()
    for row in rows.values_list(*_FIELDS):
        part = _part(row)
        if (part.number + 1) * FAN**part.level <= run.curve_number:
            yield row[0], part


def _fine_blocks(
    run: TrainingRun, metrics: Sequence[str], ranges: Sequence[tuple[int, int]]
) -> Iterable[tuple[str, _Part]]:
    """Blocks of level 0 by ranges of their numbers."""
    for first in range(0, len(ranges), RANGES):
        wanted = Q()
        for start, end in ranges[first : first + RANGES]:
            wanted |= Q(number__gte=start, number__lt=end)
        yield from _blocks(run, metrics, wanted & Q(level=0))


def _tiling(parts: Sequence[_Part]) -> list[_Part]:
    """The largest blocks that cover everything once, those of level 0 as far as known."""
    chosen: list[_Part] = []
    covered: dict[int, int] = {}  # by stretch: numbers of level 0 that are covered
    for level in range(LEVELS - 1, -1, -1):
        reached = dict(covered)
        for part in parts:
            start = part.number * FAN**level
            if part.level == level and start >= covered.get(part.stretch, 0):
                chosen.append(part)
                reached[part.stretch] = max(reached.get(part.stretch, 0), start + FAN**level)
        covered = reached
    return chosen


def _finest(run: TrainingRun, metric: str, coarse: Iterable[_Part]) -> list[_Part]:
    """The blocks of level 0 under some blocks."""
    spans = [
        (part.number * FAN**part.level, (part.number + 1) * FAN**part.level) for part in coarse
    ]
    return [part for _, part in _fine_blocks(run, [metric], spans)]


def _curve(
    run: TrainingRun,
    metric: str,
    window: Window,
    stretches: Sequence[_Stretch],
    parts: Sequence[_Part],
) -> Curve:
    seen = [part for part in parts if window.touches(part)]
    chosen = _tiling(seen)
    pixels = _pixels(window, chosen)
    for level in range(LEVELS - 1, 0, -1):
        split = [
            part
            for part in chosen
            if part.level == level
            and (_is_torn(part, window, stretches) or _is_too_coarse(part, window, pixels))
        ]
        numbers = {part.number for part in split}
        chosen = [part for part in chosen if part not in split]
        if level == 1:
            chosen += _finest(run, metric, split)
        else:
            chosen += [p for p in seen if p.level == level - 1 and p.number // FAN in numbers]
    return _assembled(metric, window, stretches, chosen)


def _pixels(window: Window, parts: Sequence[_Part]) -> float:
    """Of the chart by one step or millisecond of what is in the window."""
    start = max(window.start, min((part.first[window.by] for part in parts), default=0.0))
    end = min(window.end, max((part.last[window.by] for part in parts), default=0.0))
    return window.width / (end - start) if end > start else ENDLESS


def _is_too_coarse(part: _Part, window: Window, pixels: float) -> bool:
    """True where it lacks points, and they are wanted, or some of its pixels would lack one.

    A pixel takes two, the lowest and the highest, and every block has as many as its neighbours:
    otherwise the old part of a curve, read from coarse blocks, would look calmer than the new.
    """
    lacks = part.held < part.count
    span = part.last[window.by] - part.first[window.by]
    return lacks and (window.means or part.held < 2 * pixels * span)


def _is_torn(part: _Part, window: Window, stretches: Sequence[_Stretch]) -> bool:
    """True where only some of a block's points lie in the window, or only some are superseded."""
    inside = window.start <= part.first[window.by] and part.last[window.by] <= window.end
    last_live = stretches[part.stretch].last_live
    return not inside or part.first["step"] <= last_live < part.last["step"]


def _assembled(
    metric: str, window: Window, stretches: Sequence[_Stretch], parts: Sequence[_Part]
) -> Curve:
    live: list[Columns] = []
    left: dict[int, list[Columns]] = defaultdict(list)
    total = held = 0
    for part in sorted(parts, key=lambda part: part.number * FAN**part.level):
        stretch = stretches[part.stretch]
        whole = part.points()
        points = window.cut(whole) if not part.level else whole
        lives = points["step"] <= stretch.last_live
        kept = points if lives.all() else points[lives]
        if len(kept) < len(points):
            left[stretch.number].append(points[~lives])
        total += len(kept) if len(kept) < len(whole) else part.count
        held += len(kept)
        live.append(kept)
    curve = window.cut(np.concatenate(live)) if live else nothing()
    shown = thin(curve, 2 * window.width, by=window.by)
    exact = held == total and len(shown) == len(curve)
    pieces = [
        Piece(stretches[number].attempt, thin(window.cut(np.concatenate(found)), window.width // 4))
        for number, found in sorted(left.items())[-MAX_ABANDONED:]
    ]
    middle = means(curve, window.width) if window.means and not exact else nothing()
    return Curve(metric, shown, max(total, len(shown)), exact, pieces, middle)
