"""When waiting runs start: the slots played forward. Nothing here reads the database.

A slot is free again when its run's own estimate says so. A waiting run takes as long as runs like
it took. Where one of the two is not known, what hangs on it is not known either.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from runs_app.queueing.state import Likeness

REMEMBERED = 9
"""Newest runs of a kind whose median is taken."""


@dataclass(frozen=True)
class Seat:
    """A slot on which something may start in so many seconds; None: not known when."""

    host: str
    is_gpu: bool
    free_in: float | None


@dataclass(frozen=True)
class Wish:
    """A waiting run: devices it needs, and how long it will take in seconds, where known."""

    devices: int
    seconds: float | None


@dataclass(frozen=True)
class Durations:
    """How long runs took per epoch that was asked for, by preset and data set, and by preset.

    Per epoch, or a try of one epoch would promise that a training of thousands ends within minutes.
    """

    alike: Mapping[tuple[str, str], float] = field(default_factory=dict)
    by_variant: Mapping[str, float] = field(default_factory=dict)

    def of(self, run: Likeness) -> float | None:
        """Seconds that such a run takes: same preset and data set, else same preset, else None."""
        each = self.alike.get((run.variant, run.source), self.by_variant.get(run.variant))
        return None if each is None else each * run.epochs


def learn_durations(ended: Iterable[tuple[Likeness, float]]) -> Durations:
    """Medians of the seconds of runs that have completed, given newest first."""
    alike: dict[tuple[str, str], list[float]] = defaultdict(list)
    by_variant: dict[str, list[float]] = defaultdict(list)
    for run, seconds in ended:
        for known in (alike[run.variant, run.source], by_variant[run.variant]):
            if len(known) < REMEMBERED:
                known.append(seconds / max(run.epochs, 1))
    return Durations(
        {key: median(values) for key, values in alike.items()},
        {key: median(values) for key, values in by_variant.items()},
    )


def seats_needed(devices: int, *, is_gpu: bool) -> int:
    """Slots that a run takes on a host: one per device; processes of a CPU share one."""
    return devices if is_gpu else 1


def starts_in(seats: Sequence[Seat], wishes: Sequence[Wish]) -> list[float | None]:
    """Seconds until each waiting run starts, in their order; None where that is not known.

    The order is strict, as in ``execution.dispatch``: on every host that could train a run, those
    behind it wait until it has started. One that no host can train holds nobody back.
    """
    hosts: dict[str, _Host] = {}
    for seat in seats:
        host = hosts.setdefault(seat.host, _Host(seat.is_gpu))
        host.free.append(math.inf if seat.free_in is None else max(seat.free_in, 0.0))
    found: list[float | None] = []
    for wish in wishes:
        able = [host for host in hosts.values() if host.needs(wish) <= len(host.free)]
        if not able:
            found.append(None)
            continue
        best = min(able, key=lambda host: host.earliest(wish))
        start = best.earliest(wish)
        for host in able:
            host.held_until = max(host.held_until, start)
        best.take(wish, start)
        found.append(start if math.isfinite(start) else None)
    return found


@dataclass
class _Host:
    is_gpu: bool
    free: list[float] = field(default_factory=list)
    held_until: float = 0.0

    def needs(self, wish: Wish) -> int:
        return seats_needed(wish.devices, is_gpu=self.is_gpu)

    def earliest(self, wish: Wish) -> float:
        return max(self.held_until, sorted(self.free)[self.needs(wish) - 1])

    def take(self, wish: Wish, start: float) -> None:
        end = math.inf if wish.seconds is None else start + wish.seconds
        count = self.needs(wish)
        self.free = [end] * count + sorted(self.free)[count:]
