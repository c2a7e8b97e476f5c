"""A decision as its page shows it: the densities in one picture, rows in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from runs_app.forecasting.config.input_words import InputWords, words_of
from runs_app.forecasting.decision.documents import (
    Candle,
    Decision,
    Direction,
    FeatureValue,
    TimeframeSeen,
)
from runs_app.forms.plotting import WIDTH, Box, Scale, box
from runs_app.forms.split_picture import instant

HEADROOM = 1.08
"""Height of a picture over its highest density."""
BAR_REACH = 4.0
"""Deviations at which the bar of an input is full."""
BAR = 100.0
"""Width of half of such a bar."""
CENTRAL = {7: ((0, 6), (1, 5), (2, 4)), 5: ((0, 4), (1, 3))}
"""Pairs of quantiles that bound a central interval, widest first, by how many there are."""


@dataclass(frozen=True)
class Curve:
    """The density of one forecaster."""

    key: str
    path: str


@dataclass(frozen=True)
class Interval:
    """A central interval of the model: its rectangle, and how much it was to hold."""

    held: float
    box: Box


@dataclass(frozen=True)
class DensityPicture:
    """All of it between two log-returns, whose prices stand at the ends."""

    curves: list[Curve]
    area: str
    """The model's density down to the ground; empty without one."""
    intervals: list[Interval]
    """Of a head that has quantiles alone."""
    location_x: float
    outcome_x: float
    zero_x: float
    left: float
    right: float
    left_price: float
    right_price: float


@dataclass(frozen=True)
class ShareBox:
    """One class of a direction in its bar."""

    name: str
    share: float
    x: float
    width: float
    came: bool


@dataclass(frozen=True)
class DirectionLine:
    """A direction with its bar."""

    direction: Direction
    until: datetime
    boxes: list[ShareBox]


@dataclass(frozen=True)
class CandleLine:
    """One bar with its instants; ``age_seconds`` is from its close to the decision."""

    candle: Candle
    opened: datetime
    available: datetime
    age_seconds: float

    @property
    def wait_seconds(self) -> float:
        """From the decision to a close that had not come."""
        return -self.age_seconds


@dataclass(frozen=True)
class InputLine:
    """One input in words, with its bar from the middle: ``x`` and ``width`` in 0 to 2 ``BAR``."""

    value: FeatureValue
    words: InputWords
    x: float
    width: float


@dataclass(frozen=True)
class TimeframeLines:
    """One timeframe: the bar that was seen last, the one that was not, the inputs."""

    timeframe: str
    last: CandleLine
    coming: CandleLine | None
    first_open: datetime
    inputs: list[InputLine]


def density_picture(found: Decision) -> DensityPicture:
    """Every forecaster's density over the same returns, and the return that came."""
    dense = [one for one in found.forecasters if one.density]
    top = HEADROOM * max((max(one.density) for one in dense), default=1.0)
    scale = Scale(found.grid[0], found.grid[-1], 0.0, top)
    lines = {one.key: list(zip(found.grid, one.density, strict=True)) for one in dense}
    model = found.forecasters[0]
    ground = [(at, 0.0) for at in (found.grid[0], found.grid[-1])]
    return DensityPicture(
        curves=[Curve(key, scale.line(points)) for key, points in reversed(lines.items())],
        area=scale.area(ground, lines[model.key]) if model.key in lines else "",
        intervals=[] if model.density else _intervals(found, scale, top),
        location_x=scale.x(model.location),
        outcome_x=scale.x(found.outcome),
        zero_x=scale.x(0.0),
        left=found.grid[0],
        right=found.grid[-1],
        left_price=found.close * math.exp(found.grid[0]),
        right_price=found.close * math.exp(found.grid[-1]),
    )


def _intervals(found: Decision, scale: Scale, top: float) -> list[Interval]:
    borders = found.quantiles
    return [
        Interval(
            held=borders[high].level - borders[low].level,
            box=box(scale, "", borders[low].log_return, borders[high].log_return, 0.0, top),
        )
        for low, high in CENTRAL.get(len(borders), ())
    ]


def direction_lines(found: Decision) -> list[DirectionLine]:
    """Down, flat and up side by side, as wide as they were likely."""
    return [DirectionLine(one, instant(one.until), _shares(one)) for one in found.directions]


def _shares(direction: Direction) -> list[ShareBox]:
    boxes, x = [], 0.0
    for name, share in zip(("down", "flat", "up"), direction.probabilities, strict=True):
        width = round(share * WIDTH, 1)
        boxes.append(ShareBox(name, share, x, width, came=name == direction.came))
        x = round(x + width, 1)
    return boxes


def timeframe_lines(found: Decision) -> list[TimeframeLines]:
    """What was seen of each timeframe; nothing where the inputs are not known."""
    if found.inputs is None:
        return []
    return [_timeframe(one, found.at) for one in found.inputs.timeframes]


def _timeframe(seen: TimeframeSeen, at: int) -> TimeframeLines:
    return TimeframeLines(
        timeframe=seen.timeframe,
        last=_candle(seen.last, at),
        coming=None if seen.coming is None else _candle(seen.coming, at),
        first_open=instant(seen.first_open),
        inputs=[_input(value) for value in seen.features],
    )


def _candle(candle: Candle, at: int) -> CandleLine:
    return CandleLine(
        candle=candle,
        opened=instant(candle.open_time),
        available=instant(candle.available_at),
        age_seconds=(at - candle.available_at) / 1000,
    )


def _input(value: FeatureValue) -> InputLine:
    words = words_of(value.name)
    reach = min(abs(value.scaled) / BAR_REACH, 1.0) * BAR
    return InputLine(
        value, words, round(BAR - reach if value.scaled < 0 else BAR, 1), round(reach, 1)
    )
