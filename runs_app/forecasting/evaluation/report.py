"""``report.json``: what the plots of a finished run are drawn from, all of it on the test part.

Columns, not rows: the arrays of one record belong together and have one length. Times are
milliseconds since 1970 UTC, returns log-returns, prices as in the file. This module imports neither
torch nor Django.
"""

from __future__ import annotations

from runs_app.forecasting.evaluation.documents import Record

FAN_DECISIONS = 200
FAN_LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
COVERAGES = (0.5, 0.8, 0.95)
PIT_BINS = 20
CURVE_POINTS = 2000
LARGEST = 10


class PitHistogram(Record):
    """How often the outcome fell into each twentieth of the forecast distribution.

    Even bars: the distribution is right. A U: too narrow; a hump: too wide; a slope: shifted.
    """

    forecaster: str
    """``model``, ``model_uncalibrated``, or a key of ``BASELINES``."""
    counts: tuple[int, ...]


class PitSection(Record):
    """Histograms of the probability integral transform, and what chance alone makes of a bar."""

    expected: float
    low: float
    high: float
    """95 % of the bars of a perfect forecaster lie between; overlapping outcomes count once."""
    histograms: tuple[PitHistogram, ...]


class Coverage(Record):
    """How many outcomes a central interval held."""

    forecaster: str
    nominal: float
    covered: float
    low: float
    high: float
    """95 % interval of ``covered``, HAC."""


class ReliabilityCurve(Record):
    """Of the decisions at which the likeliest direction was that likely, how many came true."""

    direction: str
    """``short`` or ``long``."""
    calibrated: bool
    ece: float
    confidence: tuple[float, ...]
    accuracy: tuple[float, ...]
    rows: tuple[int, ...]
    """Per bin that is not empty."""


class Breakdown(Record):
    """The deciding score in parts of the test rows: lower is better."""

    by: str
    """``hour`` of the decision (UTC) or ``volatility``."""
    score: str
    labels: tuple[str, ...]
    rows: tuple[int, ...]
    scores: dict[str, tuple[float | None, ...]]
    """Mean by forecaster; None where a part has no row."""
    borders: tuple[float, ...] = ()
    """Between the parts of ``volatility``: terciles of the EWMA volatility forecast of the target
    (log-return) in the training part."""


class EquityCurve(Record):
    """Net log-return of each trading rule since the first fill, after costs."""

    time: tuple[int, ...]
    log_return: dict[str, tuple[float, ...]]
    """By ``TradingRule``. Highs and lows are kept where points were left out."""
    points_of: int
    """Points before thinning."""


class FanChart(Record):
    """The last decisions of the test part: the bar decided on, and the forecast of the price."""

    time: tuple[int, ...]
    """Close of the decision bar: when the forecast was made."""
    open: tuple[float, ...]
    high: tuple[float, ...]
    low: tuple[float, ...]
    close: tuple[float, ...]
    target_time: tuple[int, ...]
    """When the forecast can be compared with what happened."""
    target_close: tuple[float, ...]
    location: tuple[float, ...]
    levels: tuple[float, ...]
    quantiles: tuple[tuple[float, ...], ...]
    """One column per level: prices at ``target_time``. Empty for a point forecast."""


class LargestLosses(Record):
    """The decisions that cost the model most, the worst first."""

    score: str
    """``nll`` for a density, else the deciding one."""
    time: tuple[int, ...]
    """When each decision was made."""
    outcome: tuple[float, ...]
    """The log-return that came."""
    losses: dict[str, tuple[float, ...]]
    """By forecaster: ``model``, and the baselines on the same decisions."""


class Report(Record):
    """Everything the report page draws."""

    timeframe: str
    """Of the decisions."""
    horizon_bars: int
    rows: int
    score: str
    """The deciding one."""
    pit: PitSection | None
    """None without a density."""
    coverage: tuple[Coverage, ...]
    reliability: tuple[ReliabilityCurve, ...]
    breakdowns: tuple[Breakdown, ...]
    equity: EquityCurve
    fan: FanChart
    largest: LargestLosses | None = None
    """None in the report of an older version."""
