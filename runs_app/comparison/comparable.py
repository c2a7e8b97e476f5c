"""Whether scores may be held against each other: the same rows, the same loss, the same baselines.

Two runs were scored on the same rows where the forecaster that says "no move" scores the same: its
error is that of the outcomes alone. The sentences name the settings that make the difference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from runs_app.comparison.facts import Facts
from runs_app.comparison.settings import setting_of
from runs_app.forecasting.config.paths import FIELDS
from runs_app.forecasting.evaluation.documents import BASELINES

ROW_SETTINGS = (
    "data.source", "data.start", "data.end", "data.timeframes", "data.decision",
    "data.train_fraction", "data.validation_fraction", "data.test_start", "data.test_end",
    "data.embargo", "data.max_gap_bars", "data.repair", "data.date_order", "data.column_order",
    "horizons.next_bars", "horizons.short", "horizons.long", "model.context_bars",
)  # fmt: skip
"""What decides which decisions are validated and tested, and what is forecast."""

LOSS_SETTINGS = (
    "loss.kind", "loss.weights.next", "loss.weights.short", "loss.weights.long",
    "horizons.short_threshold_bps", "horizons.long_threshold_bps",
)  # fmt: skip

NAMED = 3
"""More runs than these are not named in a sentence."""

_Read = Callable[[Facts], float | None]

_TOLERANCE = 1e-6
"""Relative: the same outcomes summed in another order differ by less."""


@dataclass(frozen=True)
class Comparability:
    """What may be compared."""

    validation: bool
    test: bool
    losses: bool
    notes: tuple[str, ...]
    """A sentence for each thing that may not."""


def comparability(facts: Sequence[Facts]) -> Comparability:
    """Judge the runs that have scores; the others have nothing to compare."""
    validation = _same(facts, _validation_rows)
    test = _same(facts, _test_rows)
    losses = not _differing(facts, LOSS_SETTINGS)
    notes = _other_rows(facts, {"validation": _validation_rows, "test": _test_rows})
    if not losses:
        names = _names(_differing(facts, LOSS_SETTINGS))
        notes.append(
            f"The losses are not comparable: the runs differ in {names}. "
            "Compare them by NLL, CRPS, pinball loss or RMSE."
        )
    return Comparability(validation, test, losses, tuple(notes))


def common_baselines(facts: Sequence[Facts]) -> tuple[dict[str, dict[str, float]], str]:
    """What every run has to beat on the validation part, or a sentence why no line is drawn."""
    known = [one for one in facts if one.latest.get("baselines")]
    if not known:
        return {}, "No baseline was scored yet."
    if not _same(known, _validation_rows):
        return {}, (
            "The baselines are not drawn: they score differently from run to run, because the "
            f"validation rows differ{_because(known)}."
        )
    scores: dict[str, dict[str, float]] = {}
    for name in BASELINES:
        found = [one.latest["baselines"].get(name) or {} for one in known]
        common = {
            key: value
            for key, value in found[0].items()
            if isinstance(value, (int, float)) and all(_near(value, o.get(key)) for o in found)
        }
        if common:
            scores[name] = common
    return scores, ""


def _validation_rows(one: Facts) -> float | None:
    return one.validation_rows


def _test_rows(one: Facts) -> float | None:
    return one.test_rows


def _other_rows(facts: Sequence[Facts], parts: dict[str, _Read]) -> list[str]:
    """Which runs were scored on other rows than most, on which part, and why."""
    by_runs: dict[tuple[str, ...], list[str]] = {}
    for part, read in parts.items():
        if not _same(facts, read):
            by_runs.setdefault(_outsiders(facts, read), []).append(part)
    notes = []
    for outsiders, named in by_runs.items():
        rows = f"{' and '.join(named)} rows"
        who = f"the runs were scored on different {rows}"
        if outsiders:
            was = "was" if len(outsiders) == 1 else "were"
            who = f"{', '.join(outsiders)} {was} scored on other {rows} than the rest"
        notes.append(
            f"Not comparable: {who}{_because(facts)}. "
            f"No best value is marked among the {' and '.join(named)} scores."
        )
    return notes


def _outsiders(facts: Sequence[Facts], read: _Read) -> tuple[str, ...]:
    """The few runs that are unlike most of the others; empty where there is no such few."""
    known = [(one, value) for one in facts if (value := read(one)) is not None]
    alike = [[one for one, other in known if _near(value, other)] for _, value in known]
    most = max(alike, key=len)
    others = tuple(str(one.run) for one, _ in known if one not in most)
    return others if len(others) <= NAMED and len(most) > 1 else ()


def _near(value: float, other: Any) -> bool:
    known = isinstance(other, (int, float))
    return known and math.isclose(value, other, rel_tol=_TOLERANCE)


def _same(facts: Sequence[Facts], read: _Read) -> bool:
    known = [value for one in facts if (value := read(one)) is not None]
    return all(_near(value, known[0]) for value in known)


def _differing(facts: Sequence[Facts], paths: Sequence[str]) -> list[str]:
    return [path for path in paths if len({repr(setting_of(one, path)) for one in facts}) > 1]


def _because(facts: Sequence[Facts]) -> str:
    differing = _differing(facts, ROW_SETTINGS)
    if differing:
        return f" (they differ in {_names(differing)})"
    if len({one.fingerprint for one in facts if one.fingerprint}) > 1:
        return " (the candles of the file changed between them)"
    return ""


def _names(paths: Sequence[str]) -> str:
    titles = [(FIELDS[path].title or path).lower() for path in paths]
    return titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} and {titles[-1]}"
