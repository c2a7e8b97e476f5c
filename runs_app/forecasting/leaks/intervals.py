"""The check of the labels: what each looks at, measured anew, lies within its part of the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from runs_app.forecasting.config.timeframes import duration_seconds
from runs_app.forecasting.data.faults import utc_text
from runs_app.forecasting.data.labels import label_decisions
from runs_app.forecasting.data.resample import Bars, resample
from runs_app.forecasting.data.splits import PARTS
from runs_app.forecasting.leaks.evidence import Evidence, Int64Array, ended_at

PROBES = 24
RELATIVE = 1e-6
"""Targets are kept in float32."""


@dataclass(frozen=True)
class Intervals:
    """What was looked at, and sentences on what is wrong."""

    decisions: int
    closest_seconds: float
    """Least time between the end of a label and the first decision of a later part."""
    required_seconds: float
    """Time that must at least lie between them: the bar to enter and the embargo."""
    probes: int
    faults: tuple[str, ...]


def look_at_labels(evidence: Evidence, bars: Bars, rng: np.random.Generator) -> Intervals:
    """``bars``: those of the decision timeframe, made anew from the run's candles."""
    ends = _ends(evidence, bars)
    required = 1000 * (
        duration_seconds(bars.timeframe) + duration_seconds(evidence.config.data.embargo)
    )
    closest, faults = _overlaps(evidence, ends, required)
    faults += _wrong_targets(evidence, bars)
    probes, early = _reach(evidence, bars, ends, rng)
    used = sum(len(rows) for rows in evidence.splits.values())
    return Intervals(used, closest / 1000, required / 1000, probes, (*faults, *early))


def _ends(evidence: Evidence, bars: Bars) -> Int64Array:
    """The latest instant that each decision's labels look at [N], by what the horizons say."""
    horizons = evidence.config.horizons
    ahead = bars.available_at[evidence.decision_bar + horizons.next_bars]
    until = max(duration_seconds(horizons.short), duration_seconds(horizons.long)) * 1000
    return np.maximum(ahead, evidence.decision_time + until)


def _overlaps(evidence: Evidence, ends: Int64Array, required: int) -> tuple[float, list[str]]:
    closest, faults = float("inf"), []
    times = evidence.decision_time
    for number, part in enumerate(PARTS[:-1]):
        rows = evidence.splits[part]
        for later in PARTS[number + 1 :]:
            first = int(times[evidence.splits[later]].min())
            closest = min(closest, float(first - ends[rows].max()))
            over = rows[ends[rows] + required >= first]
            if len(over):
                worst = int(over[0])
                faults.append(
                    f"{len(over):,} labels of {part} reach {later}: the one of "
                    f"{utc_text(int(times[worst]))} looks until {utc_text(int(ends[worst]))}, and "
                    f"{later} begins at {utc_text(first)}"
                )
    return closest, faults


def _wrong_targets(evidence: Evidence, bars: Bars) -> list[str]:
    """Targets that are not the move from the decision's close to the close so many bars on."""
    now = evidence.decision_bar
    move = np.log(bars.close[now + evidence.config.horizons.next_bars] / bars.close[now])
    wrong = np.flatnonzero(~np.isclose(evidence.target, move, rtol=RELATIVE, atol=1e-9))
    return [
        f"{len(wrong):,} targets are not the move after their decision, first the one of "
        f"{utc_text(int(evidence.decision_time[row]))}"
        for row in wrong[:1]
    ]


def _reach(
    evidence: Evidence, bars: Bars, ends: Int64Array, rng: np.random.Generator
) -> tuple[int, list[str]]:
    """Label decisions again in a world that ends where their labels do: they must be the same."""
    config = evidence.config
    count = len(evidence.decision_time)
    faults = []
    drawn = np.unique(rng.integers(0, count, min(PROBES, count)))
    for row in drawn.tolist():
        moment, end = int(evidence.decision_time[row]), int(ends[row])
        # From one bar earlier on, because a first bar may count as entered half-way.
        begin = int(bars.open_time[evidence.decision_bar[row] - 1])
        window = ended_at(evidence.candles.between(begin, None), end)
        made = resample(window, bars.timeframe)
        labels = label_decisions(made, config.horizons, config.data.max_gap_bars)
        at = int((made.available_at < moment).sum())
        again = (np.float32(labels.target[at]), labels.short[at], labels.long[at])
        said = (evidence.target[row], evidence.short_label[row], evidence.long_label[row])
        if again != said:
            faults.append(
                f"the label of {utc_text(moment)} needs candles after {utc_text(end)}, "
                "where it should end"
            )
    return len(drawn), faults[:1]
