"""What a run learns from and what it predicts: candles, features, horizons."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from runs_app.forecasting.config.fields import (
    Duration,
    FieldFault,
    Indicator,
    Section,
    Timeframe,
    UtcInstant,
    as_tuple,
    lower,
)
from runs_app.forecasting.config.reading import ColumnOrder, DateOrder, Reading
from runs_app.forecasting.config.timeframes import duration_seconds


class DataConfig(Section):
    """Which candles, which timeframes, and how time is cut into train, validation and test."""

    source: str = Field(
        min_length=1,
        max_length=500,
        title="Data source",
        description="A data set's name, or the path of a candle file inside DATA_ROOT.",
    )
    timeframes: Annotated[tuple[Timeframe, ...], BeforeValidator(as_tuple)] = Field(
        default=("1m", "15m", "1h"),
        min_length=1,
        max_length=8,
        title="Timeframes",
        description="Each is resampled from the file, so none may be smaller than the file's own "
        "bars. At a decision the network sees the closed bars of all of them.",
    )
    decision: Timeframe | None = Field(
        default=None,
        title="Decision timeframe",
        description="A forecast is made at the close of each of its bars; the other timeframes, "
        "finer and coarser, give context. One of the chosen timeframes; empty: the shortest.",
    )
    start: UtcInstant | None = Field(
        default=None,
        title="Start date",
        description="First candle used (UTC, inclusive). Empty: from the first candle of the file.",
    )
    end: UtcInstant | None = Field(
        default=None,
        title="End date",
        description="Candles opening before this instant are used (UTC, exclusive). Empty: to the "
        "last candle.",
    )
    repair: bool = Field(
        default=False,
        title="Repair faulty rows",
        description="Off: a duplicate, unreadable or inconsistent row stops the run and is named. "
        "On: such rows are removed, and the log says how many and why.",
    )
    date_order: Annotated[DateOrder, BeforeValidator(lower)] = Field(
        default=DateOrder.AUTO,
        title="Order of dates",
        description="Whether 01/02/2024 begins with the day or the month. Automatic: the file's "
        "own rows must show it; where they do not, the file is refused and this is asked.",
    )
    column_order: Annotated[ColumnOrder, BeforeValidator(lower)] = Field(
        default=ColumnOrder.AUTO,
        title="Order of prices",
        description="For files without a header: which column is open, high, low and close, or "
        "which side of a file of quotes is meant. Automatic: it is what holds on every row; where "
        "several readings hold, the file is refused and this is asked.",
    )
    train_fraction: float = Field(
        default=0.7,
        ge=0.3,
        le=0.9,
        title="Train fraction",
        description="Share of the time span used for training.",
    )
    validation_fraction: float = Field(
        default=0.15,
        ge=0.05,
        le=0.4,
        title="Validation fraction",
        description="Share of the time span used for validation; the rest is the test.",
    )
    test_start: UtcInstant | None = Field(
        default=None,
        title="Test from",
        description="Decisions from this instant on are the test (UTC, inclusive); what lies "
        "before is shared by train and validation in proportion. Empty: by the fractions.",
    )
    test_end: UtcInstant | None = Field(
        default=None,
        title="Test until",
        description="Decisions before this instant belong to the test (UTC, exclusive); candles "
        "after it only complete the outcomes. Empty: to the end.",
    )
    embargo: Duration = Field(
        default="0m",
        title="Embargo",
        description="Extra time left out between the parts, beyond the purge of the longest "
        "horizon. A number and m, h, d or w.",
    )
    max_gap_bars: int = Field(
        default=5,
        ge=0,
        le=10_000,
        title="Longest gap in a label (bars)",
        description="A label that spans a hole of more than this many decision bars is not used, "
        "because its price would be invented.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.timeframes)) != len(self.timeframes):
            raise FieldFault("timeframes", "names a timeframe twice; each may appear once")
        if self.decision is not None and self.decision not in self.timeframes:
            raise FieldFault(
                "decision",
                f"{self.decision} is not among the chosen timeframes ({', '.join(self.timeframes)})"
                "; add it there, or leave this empty for the shortest",
            )
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise FieldFault("end", f"must be after the start date {self.start:%Y-%m-%d %H:%M} UTC")
        self._check_test()
        if self.train_fraction + self.validation_fraction > 0.95:
            raise FieldFault(
                "validation_fraction",
                "leaves less than 5 % of the span for the test; lower it or the train fraction",
            )
        return self

    def _check_test(self) -> None:
        """The test lies inside the chosen time, and neither ends before it starts."""
        ordered = [
            (name, at)
            for name in ("start", "test_start", "test_end")
            if (at := getattr(self, name)) is not None
        ]
        for (earlier, before), (name, at) in pairwise(ordered):
            if at <= before:
                title = str(type(self).model_fields[earlier].title).lower()
                raise FieldFault(name, f"must be after {title}, {before:%Y-%m-%d %H:%M} UTC")
        if self.end is not None and ordered and ordered[-1][1] > self.end:
            name = ordered[-1][0]
            raise FieldFault(name, f"must not be after the end date {self.end:%Y-%m-%d %H:%M} UTC")

    @property
    def reading(self) -> Reading:
        """The answers to what the file leaves open."""
        return Reading(self.date_order, self.column_order)

    @property
    def ordered_timeframes(self) -> tuple[str, ...]:
        """Timeframes from the shortest to the longest bar."""
        return tuple(sorted(self.timeframes, key=duration_seconds))

    @property
    def decision_timeframe(self) -> str:
        """The timeframe at the close of whose bars decisions are made."""
        return self.decision or self.ordered_timeframes[0]


class FeaturesConfig(Section):
    """What the network sees of each timeframe, besides returns and volatility (always on)."""

    indicators: Annotated[tuple[Indicator, ...], BeforeValidator(as_tuple)] = Field(
        default=(Indicator.RSI, Indicator.MACD, Indicator.ATR, Indicator.BB),
        title="Technical indicators",
        description="Each is divided by price or range, so that it means the same at any price.",
    )
    calendar: bool = Field(
        default=True,
        title="Calendar features",
        description="Hour of day and day of week of the bar's close, as sine and cosine (UTC).",
    )

    realised: bool = Field(
        default=True,
        title="Realised volatility",
        description="Volatility of a bar from the finer candles of the file inside it, where it "
        "has finer ones. Off: from the bars' own returns alone.",
    )

    @model_validator(mode="before")
    @classmethod
    def _spelling(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("indicators"), (list, tuple)):
            value = {**value, "indicators": tuple(lower(item) for item in value["indicators"])}
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.indicators)) != len(self.indicators):
            raise FieldFault("indicators", "names an indicator twice; each may appear once")
        return self


class HorizonsConfig(Section):
    """What is predicted: a distribution over the next bars, and two directions."""

    next_bars: int = Field(
        default=1,
        ge=1,
        le=1000,
        title="Next horizon (bars)",
        description="The log-return over this many decision bars gets a whole distribution.",
    )
    short: Duration = Field(
        default="30m",
        title="Short-term horizon",
        description="Down, flat or up over this time. A number and m, h, d or w, such as 30m.",
    )
    long: Duration = Field(
        default="1w",
        title="Long-term horizon",
        description="Down, flat or up over this time; longer than the short horizon.",
    )
    short_threshold_bps: float = Field(
        default=10.0,
        ge=0.0,
        le=5000.0,
        title="Short flat threshold (bp)",
        description="A move within plus or minus this counts as flat. 100 basis points are 1 %.",
    )
    long_threshold_bps: float = Field(
        default=100.0,
        ge=0.0,
        le=5000.0,
        title="Long flat threshold (bp)",
        description="A move within plus or minus this counts as flat. 100 basis points are 1 %.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in ("short", "long"):
            if duration_seconds(getattr(self, name)) <= 0:
                raise FieldFault(name, "must be longer than zero")
        if duration_seconds(self.long) <= duration_seconds(self.short):
            raise FieldFault("long", f"must be longer than the short horizon ({self.short})")
        return self
