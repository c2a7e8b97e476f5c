"""Every input of the network as a small picture below the candles it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from runs_app.forecasting.preview.documents import FeatureColumn, FeatureGroup, FeaturePreview
from runs_app.forms.plotting import Scale, evenly, padded
from runs_app.forms.split_picture import instant


@dataclass(frozen=True)
class Words:
    """How an input is called."""

    title: str
    unit: str
    meaning: str
    factor: float = 1.0
    """From the value to the unit."""


_PER_BAR = "of the standard deviation of a bar's log-return, by exponential weights of half-life"
WORDS: dict[str, Words] = {
    "log_return": Words("Log-return", "bp", "Of the close, over one bar.", 1e4),
    "log_volatility_5": Words("Volatility, 5 bars", "ln", f"Logarithm {_PER_BAR} 5 bars."),
    "log_volatility_20": Words("Volatility, 20 bars", "ln", f"Logarithm {_PER_BAR} 20 bars."),
    "log_volatility_60": Words("Volatility, 60 bars", "ln", f"Logarithm {_PER_BAR} 60 bars."),
    "return_over_volatility": Words(
        "Return over volatility", "sd", "The log-return in standard deviations known before it."
    ),
    "log_range": Words("Range", "ln", "Logarithm of the log-range from low to high."),
    "close_in_range": Words("Close in range", "−1 to 1", "−1: the close is the low; 1: the high."),
    "log_rolling_volatility": Words(
        "Rolling volatility", "ln", "Logarithm of the root mean square of 20 log-returns."
    ),
    "log_relative_volume": Words(
        "Relative volume", "ln", "Logarithm of the volume over its mean of 60 bars."
    ),
    "rsi": Words("RSI", "−1 to 1", "Relative strength index of 14 bars; −1 is 0, 1 is 100."),
    "macd": Words("MACD", "ATR", "12 and 26 bars, in average true ranges of 14 bars."),
    "macd_histogram": Words("MACD histogram", "ATR", "MACD minus its signal of 9 bars."),
    "log_atr": Words("ATR", "ln", "Logarithm of the average true range over the close."),
    "bb_position": Words(
        "Bollinger position", "half widths", "Of the close from the middle: ±1 is a band."
    ),
    "bb_log_width": Words("Bollinger width", "ln", "Logarithm of the width over the middle."),
    "ema": Words("EMA distance", "bp", "Log-distance of the close to its mean of 20 bars.", 1e4),
    "sma_20": Words(
        "SMA distance, 20", "bp", "Log-distance of the close to its mean of 20 bars.", 1e4
    ),
    "sma_50": Words(
        "SMA distance, 50", "bp", "Log-distance of the close to its mean of 50 bars.", 1e4
    ),
    "obv": Words("OBV change", "−1 to 1", "Over 20 bars, as a share of the volume."),
    "hour_sin": Words("Hour, sine", "−1 to 1", "Hour of the close (UTC) on a circle."),
    "hour_cos": Words("Hour, cosine", "−1 to 1", "Hour of the close (UTC) on a circle."),
    "weekday_sin": Words("Weekday, sine", "−1 to 1", "Day of the week on a circle."),
    "weekday_cos": Words("Weekday, cosine", "−1 to 1", "Day of the week on a circle."),
}
"""Of every input that the core computes."""


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
    words = WORDS.get(column.name) or Words(column.name.replace("_", " "), "", "")
    numbers = [column.minimum, column.maximum, column.mean]
    lowest, highest, mean = evenly(
        [None if number is None else words.factor * number for number in numbers]
    )
    return ColumnPicture(
        name=column.name,
        title=words.title,
        unit=words.unit,
        meaning=words.meaning,
        path=scale.line(enumerate(column.values)),
        zero_y=scale.y(0.0) if low < 0.0 < high else None,
        lowest=lowest,
        highest=highest,
        mean=mean,
        missing=column.missing,
    )
