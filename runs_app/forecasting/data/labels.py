"""What is to be predicted at each decision, and until when that looks into the future."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from runs_app.forecasting.config.schema import HorizonsConfig
from runs_app.forecasting.config.timeframes import duration_seconds
from runs_app.forecasting.data.resample import Bars, last_visible

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

DOWN, FLAT, UP = 0, 1, 2

_BASIS_POINT = 1e-4


@dataclass(frozen=True)
class Labels:
    """Targets of every bar of the decision timeframe [bars]; unknown ones hold 0.

    ``target`` is the log-return over the next bars; ``short`` and ``long`` are ``DOWN``, ``FLAT``
    or ``UP``. ``end_time`` is the latest instant (ms UTC) any of them looks at. ``in_tail`` marks
    decisions whose labels end after the data; ``in_gap`` those whose labels span a hole.
    """

    target: FloatArray
    short: Int64Array
    long: Int64Array
    end_time: Int64Array
    in_tail: BoolArray
    in_gap: BoolArray


def label_decisions(bars: Bars, horizons: HorizonsConfig, max_gap_bars: int) -> Labels:
    """Label every bar's close.

    The target needs the bar ``next_bars`` further on, no later than that many bars plus
    ``max_gap_bars``. A direction compares with the last close known when its horizon is over,
    which must be a later bar than the decision's and at most ``max_gap_bars`` bars old.
    """
    count, ahead = len(bars), horizons.next_bars
    times = bars.available_at
    bar_ms = duration_seconds(bars.timeframe) * 1000
    target = np.zeros(count)
    end_time = times + ahead * bar_ms
    in_tail = np.ones(count, np.bool_)
    in_gap = np.zeros(count, np.bool_)
    if count > ahead:
        target[:-ahead] = np.log(bars.close[ahead:] / bars.close[:-ahead])
        end_time[:-ahead] = times[ahead:]
        in_tail[:-ahead] = False
        in_gap[:-ahead] = times[ahead:] - times[:-ahead] > (ahead + max_gap_bars) * bar_ms
    directions = []
    for horizon, threshold in (
        (horizons.short, horizons.short_threshold_bps),
        (horizons.long, horizons.long_threshold_bps),
    ):
        until = times + duration_seconds(horizon) * 1000
        known = last_visible(bars, until)
        in_tail |= until > times[-1:]
        in_gap |= (until - times[known] > max_gap_bars * bar_ms) | (known <= np.arange(count))
        move = np.log(bars.close[known] / bars.close)
        directions.append(_direction(move, threshold * _BASIS_POINT))
        end_time = np.maximum(end_time, until)
    return Labels(target, directions[0], directions[1], end_time, in_tail, in_gap & ~in_tail)


def outcome_bars(
    bars: Bars, decided: Int64Array, horizons: HorizonsConfig
) -> dict[str, tuple[Int64Array, Int64Array]]:
    """When each outcome of the decisions at the bars ``decided`` [N] is known, and by which bar.

    ``next``, ``short`` and ``long``, each with instants [N] (ms UTC) and bars [N]. The decisions
    are such as have their outcomes inside the data.
    """
    ahead = decided + horizons.next_bars
    found = {"next": (bars.available_at[ahead], ahead)}
    for name, horizon in (("short", horizons.short), ("long", horizons.long)):
        until = bars.available_at[decided] + duration_seconds(horizon) * 1000
        found[name] = (until, last_visible(bars, until))
    return found


def _direction(move: FloatArray, threshold: float) -> Int64Array:
    """``DOWN``, ``FLAT`` or ``UP`` of log-returns [bars]; a move within the threshold is flat."""
    return np.where(move > threshold, UP, np.where(move < -threshold, DOWN, FLAT)).astype(np.int64)
