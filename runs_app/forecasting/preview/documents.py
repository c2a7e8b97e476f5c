"""What the builder draws of a configuration before it is trained, as documents without numpy.

Times are milliseconds since 1970 UTC, prices as in the file.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True)


class Stretch(_Document):
    """Consecutive bars drawn as one: the close of the last, the range of all."""

    at: int
    low: float
    high: float
    close: float


class Band(_Document):
    """The time of one part of the data, from its first decision to its last."""

    name: str
    first: int
    last: int
    decisions: int


class Shares(_Document):
    """How often a direction came out down, flat and up, over the decisions of one part; sum 1."""

    horizon: str
    part: str
    down: float
    flat: float
    up: float


class Outcome(_Document):
    """One thing that is forecast at the example decision, and what came."""

    name: str
    """``next``, ``short`` or ``long``."""
    until: int
    move: float
    """Log-return until then."""
    direction: str
    """``down``, ``flat``, ``up``; empty for the next bars, which have a distribution."""
    threshold: float
    """Moves within plus or minus this log-return are flat; 0 for the next bars."""


class Example(_Document):
    """A decision of the training part, with the prices around it."""

    at: int
    price: float
    prices: tuple[Stretch, ...]
    near: tuple[Stretch, ...]
    """The same up to the nearer two horizons, which the far one makes invisible."""
    outcomes: tuple[Outcome, ...]


class SplitPreview(_Document):
    """The chosen time on the price chart."""

    timeframe: str
    """The decision timeframe."""
    bars: int
    first: int
    last: int
    prices: tuple[Stretch, ...]
    bands: tuple[Band, ...]
    purge_seconds: float
    embargo_seconds: float
    shares: tuple[Shares, ...]
    example: Example | None
    problem: str
    """Why too little is left, empty where enough is."""


class FeatureColumn(_Document):
    """One input of the network; ``None`` where it is not a number."""

    name: str
    values: tuple[float | None, ...]
    minimum: float | None
    maximum: float | None
    mean: float | None
    missing: int
    """Values after the warm-up that are no finite number, in the whole chosen time."""


class FeatureGroup(_Document):
    """All inputs of one timeframe over its last bars."""

    timeframe: str
    bars: int
    """Bars of the chosen time, warm-up included."""
    first_close: int
    """When the first and the last drawn bar became known: at their nominal close."""
    last_close: int
    candles: tuple[tuple[float, float, float, float], ...]
    """Open, high, low, close of each drawn bar."""
    columns: tuple[FeatureColumn, ...]


class FeaturePreview(_Document):
    """The inputs as the network would get them, before scaling."""

    groups: tuple[FeatureGroup, ...]
    warmup_bars: int


class LossShapes(_Document):
    """Standardised returns of the training part, and what each loss would make of all of them.

    ``edges`` [n + 1] and ``shares`` [n] are a histogram; returns beyond it are in ``beyond``.
    Densities are per unit at ``at``.
    """

    decisions: int
    scale: float
    """Log-return of one unit."""
    edges: tuple[float, ...]
    shares: tuple[float, ...]
    beyond: float
    at: tuple[float, ...]
    gaussian: tuple[float, ...]
    student_t: tuple[float, ...]
    df: float
    mean: float
    levels: tuple[float, ...]
    quantiles: tuple[float, ...]
    kurtosis: float
    """Excess kurtosis: 0 for a normal distribution."""
