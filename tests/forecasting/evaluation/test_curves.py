"""What the report's plots are drawn from."""

from __future__ import annotations

import numpy as np
import pytest

from runs_app.forecasting.evaluation.breakdown import by_hour, by_volatility
from runs_app.forecasting.evaluation.curves import (
    coverage_rows,
    equity_curve,
    fan_chart,
    pit_section,
    pit_values,
    reliability_curve,
    thinned,
)
from runs_app.forecasting.evaluation.predictive import Family, Predictive
from runs_app.forecasting.evaluation.report import CURVE_POINTS
from runs_app.forecasting.evaluation.trading import Fills, accounts

ROWS = 20_000
RNG = np.random.default_rng(0)
Y = RNG.standard_normal(ROWS) * 1e-3
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def gaussian(scale: float) -> Predictive:
    return Predictive(Family.GAUSSIAN, np.zeros(ROWS), np.full(ROWS, scale))


def test_pit_of_the_truth_lies_in_its_band_and_that_of_a_narrow_forecast_is_a_u() -> None:
    pit = pit_values({"model": gaussian(1e-3), "garch": gaussian(5e-4)}, Y)
    section = pit_section(pit, horizon_bars=1)
    assert section is not None
    truth, narrow = (np.array(one.counts) for one in section.histograms)
    assert truth.sum() == narrow.sum() == ROWS
    assert ((truth > section.low) & (truth < section.high)).sum() >= 17  # 95 % of 20
    assert narrow[0] > 2 * section.expected < 2 * narrow[-1]
    assert narrow[9] < section.low
    wide = pit_section({"model": pit["model"]}, horizon_bars=9)
    assert wide is not None
    assert wide.high - wide.expected == pytest.approx(3 * (section.high - section.expected))
    point = Predictive(Family.POINT, np.zeros(ROWS))
    assert pit_section(pit_values({"model": point}, Y), horizon_bars=1) is None


def test_coverage_is_near_its_nominal_value_and_its_interval_holds_it() -> None:
    forecasts = {"model": gaussian(1e-3)}
    rows = coverage_rows(forecasts, pit_values(forecasts, Y), Y, horizon_bars=1)
    assert rows == coverage_rows(forecasts, {}, Y, horizon_bars=1)  # by quantiles: the same
    assert [row.nominal for row in rows] == [0.5, 0.8, 0.95]
    for row in rows:
        assert row.low < row.nominal < row.high
        assert row.covered == pytest.approx(row.nominal, abs=0.02)
    quantiles = Predictive(
        Family.QUANTILES, np.zeros(ROWS), quantiles=np.tile([-2, -1, 0, 1, 2.0], (ROWS, 1)),
        levels=LEVELS,
    )  # fmt: skip
    both = {"model": quantiles, "garch": gaussian(1e-3), "point": Predictive(Family.POINT, Y)}
    rows = coverage_rows(both, pit_values(both, Y), Y, horizon_bars=1)
    assert [(row.forecaster, row.nominal) for row in rows] == [
        ("model", 0.5), ("model", 0.9), ("garch", 0.5), ("garch", 0.9),
    ]  # fmt: skip


def test_reliability_of_known_probabilities() -> None:
    sure = RNG.random(ROWS) < 0.5
    top = np.where(sure, 0.9, 0.4)
    probabilities = np.stack([top, (1 - top) / 2, (1 - top) / 2], axis=1)
    label = np.where(RNG.random(ROWS) < top, 0, 1)
    curve = reliability_curve("short", probabilities, label, calibrated=True)
    assert curve.confidence == pytest.approx([0.4, 0.9])
    assert curve.accuracy == pytest.approx([0.4, 0.9], abs=0.02)
    assert sum(curve.rows) == ROWS
    assert curve.ece < 0.02


def test_thinning_keeps_ends_peaks_and_falls() -> None:
    curves = [RNG.standard_normal(50_000).cumsum() for _ in range(3)]
    kept = thinned(curves, 2000)
    assert len(kept) <= 2000
    assert (np.diff(kept) > 0).all()
    assert (kept[0], kept[-1]) == (0, 49_999)
    for curve in curves:
        assert {int(curve.argmax()), int(curve.argmin())} <= set(kept.tolist())
    assert thinned(curves, 60_000).tolist() == list(range(50_000))


def test_the_equity_curve_ends_at_the_net_return() -> None:
    opens = 100.0 * np.exp(np.cumsum(Y))
    bars = np.arange(ROWS, dtype=np.int64)
    fills = Fills.at_next_open(
        bars[:-1], open_time=bars * 60_000, available_at=(bars + 1) * 60_000, open_price=opens
    )
    done = accounts(Y[:-1], fills, cost=1e-4)
    curve = equity_curve(done, fills)
    assert len(curve.time) <= CURVE_POINTS < curve.points_of == ROWS - 1
    for rule, account in done.items():
        assert curve.log_return[rule.value][0] == 0.0
        assert curve.log_return[rule.value][-1] == pytest.approx(account.net.sum(), rel=1e-6)


def test_the_fan_holds_the_last_decisions_as_prices() -> None:
    time = np.arange(ROWS, dtype=np.int64) * 60_000
    close = 100.0 * np.exp(np.cumsum(Y))
    bars = {"open": close, "high": close * 1.01, "low": close * 0.99, "close": close}
    chart = fan_chart(
        gaussian(1e-3), time=time, bars=bars, target_time=time + 60_000, target_close=close
    )
    assert len(chart.time) == len(chart.high) == 200
    assert chart.time[-1] == time[-1]
    assert chart.levels == (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
    assert chart.quantiles[0] == pytest.approx(close[-200:] * np.exp(-1.959964e-3))
    assert chart.quantiles[3] == pytest.approx(chart.close)
    point = fan_chart(
        Predictive(Family.POINT, Y), time=time, bars=bars, target_time=time, target_close=close
    )
    assert (point.levels, point.quantiles) == ((), ())
    assert point.location == pytest.approx(close[-200:] * np.exp(Y[-200:]))


def test_hours_and_regimes() -> None:
    time = np.arange(48, dtype=np.int64) * 3_600_000 // 2  # one day, twice an hour
    loss = np.repeat(np.arange(24.0), 2)
    hours = by_hour("crps", {"model": loss}, time)
    assert hours.labels[13] == "13"
    assert hours.scores["model"] == tuple(range(24))
    assert hours.rows == (2,) * 24
    assert by_hour("crps", {"model": loss[:2]}, time[:2]).scores["model"][5] is None
    train = np.arange(300.0)
    parts = by_volatility(
        "crps", {"model": np.array([1.0, 2.0, 4.0])}, np.array([0.0, 299.0, 400.0]), train
    )
    assert parts.borders == pytest.approx([99.67, 199.33], abs=0.01)
    assert parts.rows == (1, 0, 2)
    assert parts.scores["model"] == (1.0, None, 3.0)
