"""What was known at a decision, what was said, and what came, as documents without numpy.

Times are milliseconds since 1970 UTC, prices as in the file, returns natural-log returns.
"""

from __future__ import annotations

from runs_app.forecasting.evaluation.documents import Record


class Candle(Record):
    """One closed bar; it may be used from ``available_at`` on."""

    open_time: int
    available_at: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class FeatureValue(Record):
    """One input at the last visible bar."""

    name: str
    """A key of ``config.input_words.INPUTS``."""
    raw: float
    scaled: float
    """``(raw - mean) / std``, cut at ``data.scaling.CLIP``: the float32 that was fed."""
    is_cut: bool
    mean: float
    std: float
    """Of the bars that the training part knew."""


class TimeframeSeen(Record):
    """What a decision could see of one timeframe."""

    timeframe: str
    last: Candle
    """The last bar with ``available_at`` at or before the decision."""
    coming: Candle | None
    """The bar after it, of which nothing was seen; None where the file ends."""
    first_open: int
    """When the oldest bar of the window opened."""
    features: tuple[FeatureValue, ...]
    """Of ``last``, in the order of the network's columns."""


class VolatilitySeen(Record):
    """One volatility that the heads mix their scale from."""

    half_life_bars: float
    deviation: float
    """Of the return over the next bars, a log-return."""
    fed: float
    """Log of the deviation in units of the training targets' own."""


class Inputs(Record):
    """Everything that the network was fed at one decision, at the end of its windows."""

    timeframes: tuple[TimeframeSeen, ...]
    """From the shortest bar on."""
    volatilities: tuple[VolatilitySeen, ...]


class Forecaster(Record):
    """One forecast of the return over the next bars, and its scores on what came.

    None is what its kind of forecast does not have; lower scores are better.
    """

    key: str
    """``model``, or a key of ``BASELINES``."""
    location: float
    scale: float | None
    df: float | None
    nll: float | None
    crps: float | None
    pinball: float | None
    """Only beside a quantile head, over its levels."""
    absolute_error: float
    pit: float | None
    """Probability that it gave to an outcome of at most the one that came."""
    density: tuple[float, ...]
    """Per log-return at ``Decision.grid``; empty without one."""


class Quantile(Record):
    """A border that the model set: so much of the distribution lies below."""

    level: float
    log_return: float
    price: float


class Direction(Record):
    """Down, flat or up by the last close known when a horizon is over."""

    name: str
    """``short`` or ``long``."""
    horizon: str
    threshold: float
    """Moves within plus or minus this log-return are flat."""
    probabilities: tuple[float, float, float]
    """Of down, flat and up."""
    came: str
    log_loss: float
    prior: tuple[float, float, float] | None
    """Shares in the training part, as said every time; None where the run recorded none."""
    prior_log_loss: float | None
    until: int
    move: float | None
    """Log-return until then; None where the candles cannot be read any more."""


class Decision(Record):
    """One decision of the test part."""

    at: int
    place: int
    """From 1, in order of time."""
    close: float
    """The price at which it was made."""
    outcome: float
    """The log-return that came."""
    outcome_at: int | None
    """When it was known; None where the candles cannot be read any more."""
    outcome_price: float
    grid: tuple[float, ...]
    """Log-returns at which densities are given, ascending."""
    forecasters: tuple[Forecaster, ...]
    """The model first."""
    quantiles: tuple[Quantile, ...]
    probability_up: float | None
    """That the price is higher after the next bars; None without a density."""
    directions: tuple[Direction, ...]
    loss_score: str
    loss_rank: int
    """1 for the decision of the test part with the largest loss by that score."""
    inputs: Inputs | None


class Block(Record):
    """Consecutive decisions of the test part."""

    family: str
    decision_timeframe: str
    horizon_bars: int
    context_bars: int
    decisions: tuple[Decision, ...]
    problem: str
    """Why there are no inputs, a sentence; empty where there are."""
    verified: bool
    """True where the inputs were scaled by what the run itself recorded, and that is what its
    candles give again; False for a run of an older version, which recorded nothing."""
