"""The chart of a data set on disk: candles as sticks of ever longer timeframes, with indicators.

Each level is one ``.npy`` file of records (``STICK``), made once by ``make_chart`` and mapped into
memory by whoever draws, so that a window costs what it shows. Needs NumPy alone: the web side
reads.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from runs_app.forecasting.config.timeframes import WEEK_ANCHOR_SECONDS
from runs_app.forecasting.config.words import timeframe_name

Sticks = npt.NDArray[Any]

CHART_DIR = "chart-1"
"""Inside the folder of an import; the number is raised when the levels mean something else."""

LENGTHS_SECONDS: tuple[int, ...] = (
    60, 180, 300, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 259_200, 604_800,
    2_419_200,
)  # fmt: skip
STICK = np.dtype(
    [
        ("time", "<i8"), ("open", "<f8"), ("high", "<f8"), ("low", "<f8"), ("close", "<f8"),
        ("volume", "<f8"), ("ema", "<f4"), ("rsi", "<f4"), ("atr", "<f4"),
    ]
)  # fmt: skip
"""A stick: opening time (ms UTC), prices, volume of its bars, and indicators as of its close."""

NAMES: tuple[str, ...] = STICK.names or ()
MOST_STICKS = 3000
LEAST_PIXELS = 3.0
"""A stick narrower than that is not worth drawing: the next longer timeframe is shown."""


@dataclass(frozen=True)
class Window:
    """What is to be drawn, [from, to) in ms, on so many pixels; None: the whole file."""

    from_ms: int | None
    to_ms: int | None
    pixels: int


class ChartFiles:
    """The levels of one import, finest first. Raises ``OSError`` or ``ValueError`` without them."""

    def __init__(self, folder: Path) -> None:
        found = sorted(int(path.stem) for path in folder.glob("*.npy"))
        if not found:
            raise FileNotFoundError(2, "no chart", str(folder))
        self._folder = folder
        self.lengths = found
        """Seconds of a stick, by level."""

    def level(self, seconds: int) -> Sticks:
        """All sticks of one length, mapped and not read."""
        sticks: Sticks = np.load(self._folder / f"{seconds}.npy", mmap_mode="r")
        return sticks

    def window(self, wish: Window) -> dict[str, Any]:
        """The sticks of a window as columns, in the shortest timeframe that fits its pixels."""
        base = self.level(self.lengths[0])
        first, last = int(base["time"][0]), int(base["time"][-1])
        start = first if wish.from_ms is None else wish.from_ms
        end = last + 1000 * self.lengths[0] if wish.to_ms is None else wish.to_ms
        most = min(max(wish.pixels / LEAST_PIXELS, 50.0), MOST_STICKS)
        shown = self._fit(start, end, most)
        sticks = self.level(shown)
        low, high = _between(sticks["time"], start - 1000 * shown + 1, end)
        part = np.array(sticks[low:high])
        inside = _between(base["time"], start, end)
        return {
            "bar_seconds": self.lengths[0], "bar": timeframe_name(self.lengths[0]),
            "stick_seconds": shown, "stick": timeframe_name(shown),
            "bars": len(base), "bars_in_window": inside[1] - inside[0],
            "first": first, "last": last, "from": start, "to": end,
            "columns": {name: _plain(part[name]) for name in NAMES},
        }  # fmt: skip

    def _fit(self, start: int, end: int, most: float) -> int:
        for seconds in self.lengths:
            low, high = _between(self.level(seconds)["time"], start, end)
            if high - low <= most:
                return seconds
        return self.lengths[-1]


def join(base: Sticks, seconds: int) -> Sticks:
    """Sticks of ``seconds`` from shorter ones.

    Of each are taken the first open, the highest high, the lowest low, the last close and the sum
    of the volumes. A stick in whose time nothing lies is absent. Indicators are left empty.
    """
    anchor = WEEK_ANCHOR_SECONDS * 1000
    span = seconds * 1000
    bucket = (base["time"] - anchor) // span
    starts = np.flatnonzero(np.diff(bucket, prepend=bucket[0] - 1))
    ends = np.append(starts[1:], len(bucket)) - 1
    joined = np.zeros(len(starts), STICK)
    joined["time"] = bucket[starts] * span + anchor
    joined["open"] = base["open"][starts]
    joined["high"] = np.maximum.reduceat(base["high"], starts)
    joined["low"] = np.minimum.reduceat(base["low"], starts)
    joined["close"] = base["close"][ends]
    joined["volume"] = np.add.reduceat(base["volume"], starts)
    return joined


def _between(times: Any, start: int, end: int) -> tuple[int, int]:
    # Not by searchsorted: it copies the column first, and so reads the whole file.
    return bisect_left(times, start), bisect_left(times, end)


def _plain(values: npt.NDArray[Any]) -> list[float | int | None]:
    """Numbers as JSON has them; what is not finite is null."""
    if values.dtype.kind == "i":
        whole: list[float | int | None] = values.tolist()
        return whole
    if values.dtype.itemsize == 4:
        return [float(f"{v:.6g}") if v == v and abs(v) != np.inf else None for v in values.tolist()]
    return [v if v == v and abs(v) != np.inf else None for v in values.tolist()]
