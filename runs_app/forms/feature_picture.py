"""Every input of the network as a small picture below the candles it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from runs_app.forecasting.config.input_words import words_of
from runs_app.forecasting.preview.documents import FeatureColumn, FeatureGroup, FeaturePreview
from runs_app.forms.plotting import Scale, evenly, padded
from runs_app.forms.split_picture import instant


@dataclass(frozen=True)
class ColumnPicture:
    """One input; its numbers have the same decimals."""

    name: str
    title: str
    unit: str
    meaning: str
    path: str
    zero_y: float | None
    """Height of the zero line, None where it is not in the picture."""
    lowest: str
    highest: str
    mean: str
    missing: int


@dataclass(frozen=True)
class GroupPicture:
    """All inputs of a timeframe."""

    timeframe: str
    bars: int
    shown: int
    first: datetime
    last: datetime
    up: str
    down: str
    """Paths of the rising and the falling candles: wick and body in one stroke each."""
    low: float
    high: float
    columns: list[ColumnPicture]


def feature_pictures(found: FeaturePreview) -> list[GroupPicture]:
    """The pictures of every timeframe."""
    return [_group(group) for group in found.groups]


def _group(group: FeatureGroup) -> GroupPicture:
    low, high = min(c[2] for c in group.candles), max(c[1] for c in group.candles)
    count = len(group.candles)
    scale = Scale(-0.5, count - 0.5, *padded(low, high))
    up: list[str] = []
    down: list[str] = []
    for place, (open_, top, bottom, close) in enumerate(group.candles):
        wick = f"M{scale.x(place)} {scale.y(top)}V{scale.y(bottom)}"
        a, b = scale.y(max(open_, close)), scale.y(min(open_, close))
        left, right = scale.x(place - 0.35), scale.x(place + 0.35)
        body = f"M{left} {a}H{right}V{max(b, a + 0.3):.2f}H{left}Z"
        (up if close >= open_ else down).append(wick + body)
    return GroupPicture(
        timeframe=group.timeframe,
        bars=group.bars,
        shown=count,
        first=instant(group.first_close),
        last=instant(group.last_close),
        up="".join(up),
        down="".join(down),
        low=low,
        high=high,
        columns=[_column(column) for column in group.columns],
    )


def _column(column: FeatureColumn) -> ColumnPicture:
    shown = [value for value in column.values if value is not None]
    low, high = padded(min(shown), max(shown)) if shown else (0.0, 1.0)
    scale = Scale(0, len(column.values) - 1, low, high)
    words = words_of(column.name)
    numbers = [column.minimum, column.maximum, column.mean]
    lowest, highest, mean = evenly(
        [None if number is None else words.factor * number for number in numbers]
    )
    return ColumnPicture(
        name=column.name,
        title=words.title,
        unit=words.unit,
        meaning=words.help,
        path=scale.line(enumerate(column.values)),
        zero_y=scale.y(0.0) if low < 0.0 < high else None,
        lowest=lowest,
        highest=highest,
        mean=mean,
        missing=column.missing,
    )
