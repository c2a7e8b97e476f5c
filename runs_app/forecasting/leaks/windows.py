"""The check of the inputs: worlds that end at a decision, or go on otherwise, look the same at it.

Around a decision drawn at random a window of candles is cut out of the file and goes through the
run's own code three times: as it is, ended at the decision, and with another future. Every value
that the network may see at the decision must be the same to the bit. The window also is a file that
begins later than the run's, so that it shows how much of the beginning a feature remembers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from runs_app.forecasting.config.timeframes import duration_seconds
from runs_app.forecasting.data.faults import utc_text
from runs_app.forecasting.data.features import Features
from runs_app.forecasting.data.inputs import (
    Inputs,
    bars_of,
    features_of,
    volatility_forecast,
    volatility_per_bar,
)
from runs_app.forecasting.data.resample import Bars
from runs_app.forecasting.data.scaling import Scaler
from runs_app.forecasting.data.warmup import WARMUP_BARS
from runs_app.forecasting.leaks.evidence import Evidence, closed_by, ends_at, with_other_future
from runs_app.forecasting.progress import advance

PROBES = 24
"""Decisions looked at per timeframe; fewer where one window is very long."""
LEAST_PROBES = 4
EXTRA_BARS = 1000
"""Bars before the context that are compared as well."""
FUTURE_BARS = 64
CANDLES_PER_WINDOW = 200_000
CANDLES_PER_TIMEFRAME = 4_000_000

START_SHARE = 2e-3
"""What may be left of where a file begins: this share of the largest scaled value of the warm-up,
which is at least one standard deviation of the train part."""


@dataclass
class Seen:
    """What was compared, and the worst of it."""

    values: int = 0
    probes: int = 0
    different: list[str] = field(default_factory=list)
    """Sentences on values that changed with the future."""
    unequal_bars: list[str] = field(default_factory=list)
    """Sentences on newest bars that a world that ends at the decision does not have."""
    fed: int = 0
    """Values compared with what the network is fed."""
    largest_share: float = 0.0
    """Largest distance to what the network is fed, as a share of what is allowed."""
    largest_where: str = ""


def look_through_windows(evidence: Evidence, inputs: Inputs, rng: np.random.Generator) -> Seen:
    """Compare at decisions drawn at random, timeframe by timeframe."""
    seen = Seen()
    for slot, bars in enumerate(inputs.all_bars):
        for decision in _probes(evidence, bars, rng):
            _compare(evidence, slot, bars, decision, rng, seen)
            advance()
    return seen


def _probes(evidence: Evidence, bars: Bars, rng: np.random.Generator) -> Iterator[int]:
    """Decisions spread over the whole time; only such at which a candle has just closed."""
    span = _candles_per_bar(evidence, bars) * (_window_bars(evidence, bars) + FUTURE_BARS)
    wanted = int(np.clip(CANDLES_PER_TIMEFRAME // span, LEAST_PROBES, PROBES))
    count = len(evidence.decision_time)
    edges = np.linspace(0, count, wanted + 1).astype(int)
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        for _ in range(8):
            decision = int(rng.integers(low, max(high, low + 1)))
            if decision < count and ends_at(
                evidence.candles, int(evidence.decision_time[decision])
            ):
                yield decision
                break


def _candles_per_bar(evidence: Evidence, bars: Bars) -> int:
    return duration_seconds(bars.timeframe) // evidence.candles.bar_seconds


def _window_bars(evidence: Evidence, bars: Bars) -> int:
    """Bars of a window up to its decision: warm-up, context, and more where they cost little."""
    extra = min(EXTRA_BARS, CANDLES_PER_WINDOW // _candles_per_bar(evidence, bars))
    return WARMUP_BARS + evidence.config.model.context_bars + extra


def _compare(
    evidence: Evidence,
    slot: int,
    bars: Bars,
    decision: int,
    rng: np.random.Generator,
    seen: Seen,
) -> None:
    moment, last = int(evidence.decision_time[decision]), int(evidence.last_bar[slot][decision])
    begin = int(bars.open_time[max(0, last + 1 - _window_bars(evidence, bars))])
    until = moment + FUTURE_BARS * duration_seconds(bars.timeframe) * 1000
    window = evidence.candles.between(begin, until)
    name, at = bars.timeframe, utc_text(moment)
    worlds = [
        bars_of(evidence.config, candles, name)
        for candles in (
            closed_by(window, moment),
            window,
            with_other_future(window, moment, rng),
        )
    ]
    ended = worlds[0]
    if len(ended) == 0 or ended.open_time[-1] != bars.open_time[last]:
        seen.unequal_bars.append(
            f"at {at} the newest {name} bar shown opens at {utc_text(int(bars.open_time[last]))}, "
            f"which had not closed or was not the last one closed"
        )
        return
    seen.probes += 1
    features = [features_of(evidence.config, world) for world in worlds]
    changed = _changed(features, len(ended), seen)
    seen.different += [f"{column} of {name} at {at}" for column in changed]
    _compare_with_fed(evidence, slot, ended, features[0], last, seen, leaving_out=changed)
    if name == evidence.config.data.decision_timeframe:
        _compare_volatility(evidence, worlds, decision, seen)


def _compare_volatility(evidence: Evidence, worlds: list[Bars], decision: int, seen: Seen) -> None:
    """The forecasts of volatility that the scale starts from, in all worlds and as fed."""
    known = len(worlds[0])
    ended, *others = (volatility_per_bar(world) for world in worlds)
    at = utc_text(int(evidence.decision_time[decision]))
    seen.values += ended.size * len(others)
    if not all(np.array_equal(ended, other[:known]) for other in others):
        seen.different.append(f"the volatility at {at}")
    elif known > WARMUP_BARS:
        again = volatility_forecast(evidence.config, ended[-1:], evidence.volatility_floor)[0]
        fed = evidence.volatility[decision]
        share = float(np.abs(again / fed - 1.0).max()) / START_SHARE
        seen.fed += len(again)
        if share > seen.largest_share:
            seen.largest_share, seen.largest_where = share, f"the volatility at {at}"


def _changed(worlds: list[Features], known: int, seen: Seen) -> list[str]:
    """Names of the features that are not the same to the bit in all worlds, among known bars."""
    found = []
    for column, values in worlds[0].columns.items():
        others = [world.columns[column][:known] for world in worlds[1:]]
        seen.values += max(0, known - WARMUP_BARS) * len(others)
        if not all(np.array_equal(values, other, equal_nan=True) for other in others):
            found.append(column)
    return found


def _compare_with_fed(
    evidence: Evidence,
    slot: int,
    ended: Bars,
    features: Features,
    last: int,
    seen: Seen,
    *,
    leaving_out: list[str],
) -> None:
    """How far the window's values lie from what the network is fed, in scaled units."""
    usable = len(ended) - WARMUP_BARS
    if usable <= 0:
        return
    scaler = Scaler.from_dict(evidence.scalers[slot])
    fed = evidence.features[slot][last + 1 - len(ended) : last + 1]
    distance = np.abs(scaler.apply(features)[WARMUP_BARS:] - fed[WARMUP_BARS:]).max(axis=0)
    reach = np.maximum(1.0, np.abs(fed[:WARMUP_BARS]).max(axis=0))
    share = distance / (START_SHARE * reach)
    if len(ended) == last + 1:  # the window begins where the file does: nothing may differ
        share = np.where(distance > 0, np.inf, 0.0)
    share[[name in leaving_out for name in scaler.names]] = 0.0
    seen.fed += usable * (len(share) - len(leaving_out))
    worst = int(np.argmax(share))
    if share[worst] > seen.largest_share:
        seen.largest_share = float(share[worst])
        seen.largest_where = f"{scaler.names[worst]} of {scaler.timeframe}"
