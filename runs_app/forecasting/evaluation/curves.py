"""What the report's plots show: calibration of the distribution and directions, equity, the fan."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from runs_app.forecasting.evaluation import scores
from runs_app.forecasting.evaluation.directions import (
    ECE_BINS,
    expected_calibration_error,
    share_interval,
)
from runs_app.forecasting.evaluation.documents import TradingRule
from runs_app.forecasting.evaluation.predictive import FloatArray, Predictive
from runs_app.forecasting.evaluation.report import (
    COVERAGES,
    CURVE_POINTS,
    FAN_DECISIONS,
    FAN_LEVELS,
    LARGEST,
    PIT_BINS,
    Coverage,
    EquityCurve,
    FanChart,
    LargestLosses,
    PitHistogram,
    PitSection,
    ReliabilityCurve,
)
from runs_app.forecasting.evaluation.trading import Account, Fills

Int64Array = npt.NDArray[np.int64]

NORMAL_95 = 1.96


def pit_values(forecasts: Mapping[str, Predictive], y: FloatArray) -> dict[str, FloatArray]:
    """Probability integral transform of ``y`` [N] -> [N], of each forecast that has a density."""
    return {
        name: scores.cdf(forecast, y)
        for name, forecast in forecasts.items()
        if forecast.has_density
    }


def pit_section(pit: Mapping[str, FloatArray], *, horizon_bars: int) -> PitSection | None:
    """Histograms of ``pit_values`` [N]; None without any.

    The band is that of a binomial count of N / ``horizon_bars`` independent rows.
    """
    if not pit:
        return None
    share, count = 1.0 / PIT_BINS, len(next(iter(pit.values())))
    half = NORMAL_95 * math.sqrt(share * (1.0 - share) * horizon_bars / count) * count
    expected = share * count
    return PitSection(
        expected=expected,
        low=max(0.0, expected - half),
        high=expected + half,
        histograms=tuple(
            PitHistogram(forecaster=name, counts=_counts(values)) for name, values in pit.items()
        ),
    )


def _counts(pit: FloatArray) -> tuple[int, ...]:
    place = np.minimum((pit * PIT_BINS).astype(np.int64), PIT_BINS - 1)
    return tuple(map(int, np.bincount(place, minlength=PIT_BINS)))


def coverage_rows(
    forecasts: Mapping[str, Predictive],
    pit: Mapping[str, FloatArray],
    y: FloatArray,
    *,
    horizon_bars: int,
) -> tuple[Coverage, ...]:
    """How many of ``y`` [N] each central interval held; those a forecast cannot name are absent.

    ``pit`` are the ``pit_values`` of the same forecasts. The intervals are ``COVERAGES``, or where
    the first forecast is one of quantiles those between its levels: 50 and 90 %.
    """
    rows = []
    levels = next(iter(forecasts.values())).levels
    nominals = sorted(round(1.0 - 2.0 * low, 12) for low in levels if low < 0.5) or COVERAGES
    for name, forecast in forecasts.items():
        for nominal in nominals:
            tail = round(0.5 * (1.0 - nominal), 12)
            if name in pit:  # many times faster than asking for the two quantiles
                inside = (np.abs(pit[name] - 0.5) <= 0.5 * nominal).astype(np.float64)
            elif scores.can_quantile(forecast, tail):
                inside = scores.inside(forecast, y, nominal)
            else:
                continue
            held = share_interval(inside, horizon_bars=horizon_bars)
            rows.append(
                Coverage(
                    forecaster=name,
                    nominal=nominal,
                    covered=held.value,
                    low=held.low,
                    high=held.high,
                )
            )
    return tuple(rows)


def reliability_curve(
    direction: str, probabilities: FloatArray, label: Int64Array, *, calibrated: bool
) -> ReliabilityCurve:
    """Confidence of the likeliest class of ``probabilities`` [N, 3] against how often it came."""
    confidence = probabilities.max(-1)
    correct = (probabilities.argmax(-1) == label).astype(np.float64)
    place = np.minimum((confidence * ECE_BINS).astype(np.int64), ECE_BINS - 1)
    rows = np.bincount(place, minlength=ECE_BINS)
    used = rows > 0
    sums = [
        np.bincount(place, weights=values, minlength=ECE_BINS)[used] / rows[used]
        for values in (confidence, correct)
    ]
    return ReliabilityCurve(
        direction=direction,
        calibrated=calibrated,
        ece=expected_calibration_error(probabilities, label),
        confidence=_short(sums[0]),
        accuracy=_short(sums[1]),
        rows=tuple(map(int, rows[used])),
    )


def equity_curve(account: Mapping[TradingRule, Account], fills: Fills) -> EquityCurve:
    """Net log-return of each rule at each fill, thinned to at most ``CURVE_POINTS`` points."""
    curves = {rule: np.concatenate([[0.0], np.cumsum(one.net)]) for rule, one in account.items()}
    kept = thinned(list(curves.values()), CURVE_POINTS)
    return EquityCurve(
        time=tuple(map(int, fills.time[kept])),
        log_return={rule.value: _short(curve[kept]) for rule, curve in curves.items()},
        points_of=len(fills.time),
    )


def thinned(curves: list[FloatArray], points: int) -> Int64Array:
    """Indices [at most ``points``] of what to draw of curves [N] with one axis of time.

    The first and the last point, and the highest and lowest of every curve in every stretch, so
    that no peak and no fall is lost.
    """
    count = len(curves[0])
    if count <= points:
        return np.arange(count)
    stretches = (points - 2) // (2 * len(curves))
    edges = np.linspace(0, count, stretches + 1).astype(np.int64)
    kept = {0, count - 1}
    for start, end in zip(edges[:-1], edges[1:], strict=True):
        for curve in curves:
            part = curve[start:end]
            kept |= {int(start + part.argmax()), int(start + part.argmin())}
    return np.array(sorted(kept))


def largest_losses(
    score: str, losses: Mapping[str, FloatArray], *, time: Int64Array, y: FloatArray
) -> LargestLosses:
    """The ``LARGEST`` worst of N decisions by the first forecaster of ``losses`` [N]."""
    own = next(iter(losses.values()))
    worst = np.argsort(-own, kind="stable")[:LARGEST]
    return LargestLosses(
        score=score,
        time=tuple(map(int, time[worst])),
        outcome=tuple(map(float, y[worst])),
        losses={name: tuple(map(float, values[worst])) for name, values in losses.items()},
    )


def fan_chart(
    model: Predictive,
    *,
    time: Int64Array,
    bars: Mapping[str, FloatArray],
    target_time: Int64Array,
    target_close: FloatArray,
) -> FanChart:
    """The last ``FAN_DECISIONS`` of N decisions with their forecasts as prices.

    All arrays are [N]: ``time`` and ``target_time`` in ms UTC; ``bars`` has the decision bar's
    ``open``, ``high``, ``low`` and ``close``.
    """
    last = slice(max(0, len(time) - FAN_DECISIONS), None)
    newest = model.take(last)
    close = bars["close"][last]
    levels = FAN_LEVELS if newest.has_density else newest.levels
    return FanChart(
        time=tuple(map(int, time[last])),
        open=_short(bars["open"][last]),
        high=_short(bars["high"][last]),
        low=_short(bars["low"][last]),
        close=_short(close),
        target_time=tuple(map(int, target_time[last])),
        target_close=_short(target_close[last]),
        location=_short(close * np.exp(newest.location)),
        levels=levels,
        quantiles=tuple(_short(close * np.exp(scores.quantile(newest, level))) for level in levels),
    )


def _short(values: Iterable[float]) -> tuple[float, ...]:
    """Eight digits are enough to draw, and half the size of the file."""
    return tuple(float(f"{value:.8g}") for value in values)
