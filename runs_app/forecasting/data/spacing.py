"""How the times of a file lie: their order, the bar's length, what is missing, and where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from runs_app.forecasting.config.timeframes import (
    TIMEFRAMES,
    WEEK_ANCHOR_SECONDS,
    duration_seconds,
)
from runs_app.forecasting.data.candles import MS, most_common_step
from runs_app.forecasting.data.instants import Instants
from runs_app.forecasting.data.report import Gap, Order, TimeframeBars
from runs_app.forecasting.utc import instant

Int64Array = npt.NDArray[np.int64]

LONGEST_SHOWN = 5


@dataclass(frozen=True)
class Timeline:
    """Readable times of a file.

    ``times``: int64 [T], ascending, each once, ms UTC. ``order``: how the rows stand in the file;
    ``order_breaks``: int64 [K], rows that step against that order.
    """

    times: Int64Array
    bar_ms: int
    order: Order
    order_breaks: Int64Array

    @property
    def first(self) -> datetime:
        """When the first bar opens."""
        return instant(self.times[0])

    @property
    def last(self) -> datetime:
        """When the last bar opens."""
        return instant(self.times[-1])

    @property
    def gaps(self) -> int:
        """Number of places where at least one bar is missing."""
        return int((self._missing() > 0).sum())

    @property
    def missing(self) -> int:
        """Bars missing in all gaps together."""
        return int(self._missing().sum())

    def _missing(self) -> Int64Array:
        """Whole bars missing behind each time [T - 1]."""
        steps: Int64Array = np.diff(self.times)
        return np.maximum(-(-steps // self.bar_ms) - 1, 0)

    def longest_gaps(self) -> tuple[Gap, ...]:
        """The longest gaps, the longest first; of equal ones the earlier first."""
        missing = self._missing()
        there = np.flatnonzero(missing)
        longest = there[np.argsort(-missing[there], kind="stable")[:LONGEST_SHOWN]]
        return tuple(
            Gap(
                after=instant(self.times[place]),
                before=instant(self.times[place + 1]),
                missing=int(missing[place]),
            )
            for place in longest
        )

    def timeframes(self) -> tuple[TimeframeBars, ...]:
        """Bars of every timeframe that can be made from the file's own."""
        if self.bar_ms % MS:
            return ()
        whole = [t for t in TIMEFRAMES if duration_seconds(t) * MS % self.bar_ms == 0]
        return tuple(self._bars(timeframe) for timeframe in whole)

    def _bars(self, timeframe: str) -> TimeframeBars:
        span = duration_seconds(timeframe) * MS
        anchor = WEEK_ANCHOR_SECONDS * MS
        offset = int((self.times[0] - anchor) % self.bar_ms)
        bucket = (self.times - anchor - offset) // span
        starts = np.flatnonzero(np.diff(bucket, prepend=bucket[0] - 1))
        sizes = np.diff(starts, append=len(bucket))
        return TimeframeBars(
            timeframe=timeframe,
            expected=int(bucket[-1] - bucket[0]) + 1,
            present=len(starts),
            whole=int((sizes >= span // self.bar_ms).sum()),
        )


def timeline_of(instants: Instants) -> Timeline | None:
    """The timeline of a file's rows; None where fewer than two different times can be read."""
    rows = np.flatnonzero(instants.readable)
    times = instants.milliseconds[rows]
    steps = np.diff(times)
    up, down = int((steps > 0).sum()), int((steps < 0).sum())
    if down:
        times = np.sort(times)
    if bool((np.diff(times) == 0).any()):
        times = np.unique(times)
    if len(times) < 2:
        return None
    against = steps > 0 if down > up else steps < 0
    breaks = rows[1:][against]
    if down > up:
        order: Order = "newest first"
    else:
        order = "unsorted" if down else "ascending"
    return Timeline(times, most_common_step(times), order, breaks)
