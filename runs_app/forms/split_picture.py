"""The price chart of the horizons page: parts, gaps between them, and one decision."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from math import exp

from runs_app.forecasting.preview.documents import Example, Outcome, SplitPreview, Stretch
from runs_app.forms.plotting import Box, Scale, box, padded


@dataclass(frozen=True)
class OutcomeLine:
    """One horizon of the example in words."""

    name: str
    until: datetime
    move_bps: float
    direction: str
    threshold_bps: float


@dataclass(frozen=True)
class PartLine:
    """One part in words."""

    name: str
    first: datetime
    last: datetime
    decisions: int


@dataclass(frozen=True)
class Share:
    """Down, flat and up of a part, in per cent, and where the drawn bars of them begin."""

    horizon: str
    part: str
    down: float
    flat: float
    up: float

    @property
    def before_up(self) -> float:
        """Where the last bar begins."""
        return self.down + self.flat


@dataclass(frozen=True)
class End:
    """Where a horizon is over."""

    css: str
    x: float


@dataclass(frozen=True)
class ZoomPicture:
    """Prices around the example decision, up to some of its horizons."""

    title: str
    reach: str
    closes: str
    decision_x: float
    flats: list[Box]
    ends: list[End]
    outcomes: list[OutcomeLine]
    first: datetime
    last: datetime


@dataclass(frozen=True)
class SplitPicture:
    """The whole chosen time."""

    timeframe: str
    bars: int
    low: float
    high: float
    first: datetime
    last: datetime
    reach: str
    closes: str
    bands: list[Box]
    gaps: list[Box]
    parts: list[PartLine]
    purge_seconds: float
    embargo_seconds: float
    shares: list[Share]
    problem: str
    example_x: float | None
    example_at: datetime | None
    example_price: float | None
    zooms: list[ZoomPicture]


def instant(milliseconds: int) -> datetime:
    """The time of a document."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def split_picture(found: SplitPreview) -> SplitPicture:
    """Everything at its place."""
    low, high = min(p.low for p in found.prices), max(p.high for p in found.prices)
    scale = Scale(found.first, found.last, *padded(low, high))
    bands = found.bands
    pairs = zip(bands, bands[1:], strict=False)
    return SplitPicture(
        timeframe=found.timeframe,
        bars=found.bars,
        low=low,
        high=high,
        first=instant(found.first),
        last=instant(found.last),
        reach=_reach(scale, found.prices),
        closes=_closes(scale, found.prices),
        bands=[box(scale, f"part-{b.name}", b.first, b.last, scale.low, scale.high) for b in bands],
        gaps=[box(scale, "part-gap", a.last, b.first, scale.low, scale.high) for a, b in pairs],
        parts=[PartLine(b.name, instant(b.first), instant(b.last), b.decisions) for b in bands],
        purge_seconds=found.purge_seconds,
        embargo_seconds=found.embargo_seconds,
        shares=[
            Share(s.horizon, s.part, 100 * s.down, 100 * s.flat, 100 * s.up) for s in found.shares
        ],
        problem=found.problem,
        example_x=scale.x(found.example.at) if found.example else None,
        example_at=instant(found.example.at) if found.example else None,
        example_price=found.example.price if found.example else None,
        zooms=_zooms(found.example) if found.example else [],
    )


def _zooms(found: Example) -> list[ZoomPicture]:
    near = [o for o in found.outcomes if o.name != "long"]
    far = [o for o in found.outcomes if o.name == "long"]
    return [
        _zoom("Next and short horizon", found, found.near, near),
        _zoom("Long horizon", found, found.prices, far),
    ]


def _zoom(
    title: str, found: Example, prices: tuple[Stretch, ...], outcomes: list[Outcome]
) -> ZoomPicture:
    bounds = [found.price * exp(o.threshold * side) for o in outcomes for side in (-1, 1)]
    low, high = min([p.low for p in prices] + bounds), max([p.high for p in prices] + bounds)
    first, last = prices[0].at, max(prices[-1].at, *(o.until for o in outcomes))
    scale = Scale(first, last, *padded(low, high))
    flats = [
        box(
            scale, f"outcome-{o.name}", found.at, o.until,
            found.price * exp(-o.threshold), found.price * exp(o.threshold),
        )
        for o in outcomes
        if o.direction
    ]  # fmt: skip
    return ZoomPicture(
        title=title,
        reach=_reach(scale, prices),
        closes=_closes(scale, prices),
        decision_x=scale.x(found.at),
        flats=flats,
        ends=[End(f"outcome-{o.name}", scale.x(o.until)) for o in outcomes],
        outcomes=[
            OutcomeLine(o.name, instant(o.until), 1e4 * o.move, o.direction, 1e4 * o.threshold)
            for o in outcomes
        ],
        first=instant(first),
        last=instant(last),
    )


def _reach(scale: Scale, prices: tuple[Stretch, ...]) -> str:
    return scale.area([(p.at, p.low) for p in prices], [(p.at, p.high) for p in prices])


def _closes(scale: Scale, prices: tuple[Stretch, ...]) -> str:
    return scale.line((p.at, p.close) for p in prices)
