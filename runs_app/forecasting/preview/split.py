"""The price chart of a configuration: parts, purge, class shares, and one decision."""

from __future__ import annotations

import numpy as np

from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.config.timeframes import duration_seconds
from runs_app.forecasting.data.candles import MS, Candles
from runs_app.forecasting.data.labels import DOWN, FLAT, UP, outcome_bars
from runs_app.forecasting.data.ledger import Decisions, lay_out
from runs_app.forecasting.data.resample import Bars, last_visible
from runs_app.forecasting.preview.documents import (
    Band,
    Example,
    Outcome,
    Shares,
    SplitPreview,
    Stretch,
)

STRETCHES = 480
"""Pieces into which a chart's bars are gathered at most: about two pixels each."""
BEFORE = 0.3
"""Time that is shown before the example decision, as a share of the long horizon."""
NAMES = {DOWN: "down", FLAT: "flat", UP: "up"}
BASIS_POINT = 1e-4


def preview_split(config: RunConfig, candles: Candles) -> SplitPreview:
    """What a run with this configuration would learn from, on its own decisions."""
    made = lay_out(config, candles)
    bars = made.inputs.decisions
    return SplitPreview(
        timeframe=bars.timeframe,
        bars=len(bars),
        first=int(bars.available_at[0]),
        last=int(bars.available_at[-1]),
        prices=_stretches(bars, 0, len(bars)),
        bands=tuple(
            Band(
                name=name,
                first=int(made.time[index[0]]),
                last=int(made.time[index[-1]]),
                decisions=len(index),
            )
            for name, index in made.parts.items()
            if len(index)
        ),
        purge_seconds=config.longest_outcome.total_seconds() + duration_seconds(bars.timeframe),
        embargo_seconds=float(duration_seconds(config.data.embargo)),
        shares=_shares(made),
        example=_example(config, made),
        problem=made.ledger.problem,
    )


def _stretches(bars: Bars, start: int, end: int) -> tuple[Stretch, ...]:
    """Bars from ``start`` to before ``end``, gathered evenly; highs and lows are kept."""
    borders = np.unique(
        np.linspace(start, end, min(end - start, STRETCHES) + 1).round().astype(int)
    )
    return tuple(
        Stretch(
            at=int(bars.available_at[b - 1]),
            low=float(bars.low[a:b].min()),
            high=float(bars.high[a:b].max()),
            close=float(bars.close[b - 1]),
        )
        for a, b in zip(borders[:-1], borders[1:], strict=True)
    )


def _around(bars: Bars, at: int, until: int, before: float) -> tuple[Stretch, ...]:
    """Prices from so many milliseconds before a decision to the bar that closes after ``until``."""
    first, last = last_visible(bars, np.array([at - round(before), until]))
    return _stretches(bars, max(int(first), 0), min(int(last) + 2, len(bars)))


def _shares(made: Decisions) -> tuple[Shares, ...]:
    found = []
    for horizon, label in (("short", made.labels.short), ("long", made.labels.long)):
        for part, index in made.parts.items():
            if not len(index):
                continue
            counts = np.bincount(label[made.valid[index]], minlength=3) / len(index)
            found.append(
                Shares(
                    horizon=horizon,
                    part=part,
                    down=float(counts[DOWN]),
                    flat=float(counts[FLAT]),
                    up=float(counts[UP]),
                )
            )
    return tuple(found)


def _example(config: RunConfig, made: Decisions) -> Example | None:
    """The middle decision of the training part."""
    train = made.parts["train"]
    if not len(train):
        return None
    bars, bar = made.inputs.decisions, int(made.valid[train[len(train) // 2]])
    at = int(bars.available_at[bar])
    horizons = config.horizons
    long_ms = duration_seconds(horizons.long) * MS
    known = outcome_bars(bars, np.array([bar]), horizons)
    ends = {name: int(until[0]) for name, (until, _) in known.items()}
    directions = {"short": made.labels.short[bar], "long": made.labels.long[bar]}
    thresholds = {"short": horizons.short_threshold_bps, "long": horizons.long_threshold_bps}
    near = max(ends["next"], ends["short"])
    return Example(
        at=at,
        price=float(bars.close[bar]),
        prices=_around(bars, at, max(ends.values()), BEFORE * long_ms),
        near=_around(bars, at, near, near - at),
        outcomes=tuple(
            Outcome(
                name=name,
                until=end,
                move=float(np.log(bars.close[known[name][1][0]] / bars.close[bar])),
                direction=NAMES[int(directions[name])] if name in directions else "",
                threshold=thresholds.get(name, 0.0) * BASIS_POINT,
            )
            for name, end in ends.items()
        ),
    )
