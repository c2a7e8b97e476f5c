"""The leak sentinel: whether anything a network sees could know the future, on the run's own data.

It goes through the very functions that made the run's inputs, and it reads the run's own arrays, so
that it sees what really was fed and not what should have been.
"""

from __future__ import annotations

import numpy as np

from runs_app.forecasting.data.inputs import collect_inputs
from runs_app.forecasting.data.warmup import WARMUP_BARS
from runs_app.forecasting.evaluation.documents import LeakFinding
from runs_app.forecasting.leaks.evidence import Evidence
from runs_app.forecasting.leaks.intervals import Intervals, look_at_labels
from runs_app.forecasting.leaks.joins import Joins, look_at_joins
from runs_app.forecasting.leaks.learnt import Learnt, learn_again
from runs_app.forecasting.leaks.windows import START_SHARE, Seen, look_through_windows
from runs_app.forecasting.progress import advance

SHOWN = 3
"""Faults that a sentence names before it counts the rest."""


def find_leaks(evidence: Evidence, *, seed: int) -> tuple[LeakFinding, ...]:
    """Run every check that needs no network; ``seed`` chooses the moments that are looked at."""
    rng = np.random.default_rng([seed, 1])
    learnt = learn_again(evidence)  # before the inputs are made anew: each takes as much memory
    inputs = collect_inputs(evidence.config, evidence.candles)
    advance()
    joins = look_at_joins(evidence, inputs)
    advance()
    intervals = look_at_labels(evidence, inputs.decisions, rng)
    advance()
    seen = look_through_windows(evidence, inputs, rng)
    return (
        _features(seen, learnt),
        _timeframes(joins, seen),
        _labels(intervals),
        _scaler(learnt),
        _warmup(seen),
    )


def _features(seen: Seen, learnt: Learnt) -> LeakFinding:
    faults = [f"{text} changes with what comes later" for text in seen.different]
    faults += [
        f"{text} comes out otherwise from candles that end with the train part"
        for text in learnt.different
    ]
    checked = (
        f"At {seen.probes:,} moments the candles were ended, and given another future: "
        f"{seen.values:,} values were the same to the bit. So were {learnt.values:,} values of the "
        "train part, made again from candles that end with it."
    )
    nothing = seen.probes == 0 and learnt.values == 0
    return _finding("features", faults, checked, nothing=nothing)


def _timeframes(joins: Joins, seen: Seen) -> LeakFinding:
    checked = (
        f"In {joins.pairs:,} pairs of a decision and a timeframe the bar shown is the last one "
        "that had closed."
    )
    return _finding("timeframes", [*joins.faults, *seen.unequal_bars], checked)


def _labels(intervals: Intervals) -> LeakFinding:
    checked = (
        f"No label of {intervals.decisions:,} decisions reaches a later part: the nearest ends "
        f"{_duration(intervals.closest_seconds)} before the first decision of one, and more than "
        f"{_duration(intervals.required_seconds)} is required. {intervals.probes} labels came out "
        "the same from candles that end with them."
    )
    return _finding("labels", list(intervals.faults), checked)


def _scaler(learnt: Learnt) -> LeakFinding:
    checked = (
        f"Mean and deviation of {learnt.scalers} features and the floor of the volatility are "
        "those of the rows known at the last train decision."
    )
    return _finding("scaler", list(learnt.faults), checked)


def _warmup(seen: Seen) -> LeakFinding:
    faults = []
    if seen.largest_share > 1.0:
        faults.append(
            f"{seen.largest_where} differs from what the network is fed by "
            f"{seen.largest_share:.3g} times of what is allowed"
        )
    worst = f" (at most {100 * seen.largest_share:.0f} % of that: {seen.largest_where})"
    checked = (
        f"{seen.fed:,} values fed to the network were made again from files that begin later. "
        f"After {WARMUP_BARS} bars of warm-up less than {100 * START_SHARE:.1f} % of the start is "
        "left"
        f"{worst if seen.largest_where else ''}."
    )
    return _finding("warmup", faults, checked, nothing=seen.fed == 0)


def _finding(name: str, faults: list[str], checked: str, *, nothing: bool = False) -> LeakFinding:
    if faults:
        rest = len(faults) - SHOWN
        more = f"; and {rest:,} more" if rest > 0 else ""
        text = "; ".join(faults[:SHOWN]) + more
        return LeakFinding(name=name, passed=False, detail=f"{text[:1].upper()}{text[1:]}.")
    if nothing:
        return LeakFinding(name=name, passed=False, detail="Nothing could be compared.")
    return LeakFinding(name=name, passed=True, detail=checked)


def _duration(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.0f} s"
