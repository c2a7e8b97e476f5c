"""The forecasters to beat: they find a known truth, see no future, and survive poor data."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from runs_app.forecasting.baselines.garch import (
    GarchParameters,
    fit_garch,
    next_variance,
    summed_variance,
)
from runs_app.forecasting.baselines.reference import Baselines, fit_baselines
from runs_app.forecasting.baselines.student import fit_student_t
from runs_app.forecasting.data.candles import Candles
from runs_app.forecasting.data.prepare import PreparedData, prepare_candles
from runs_app.forecasting.data.sample import (
    ALPHA,
    BETA,
    DEGREES_OF_FREEDOM,
    OMEGA,
    sample_candles,
    simulate,
)
from runs_app.forecasting.evaluation.documents import BASELINES
from runs_app.forecasting.evaluation.scores import crps, nll, squared_error
from tests.synthetic import random_candles, small_config

BARS = 20_000


@cache
def _prepared(next_bars: int) -> PreparedData:
    return prepare_candles(small_config(horizons={"next_bars": next_bars}), sample_candles(BARS))


@cache
def _fitted(next_bars: int) -> Baselines:
    return fit_baselines(_prepared(next_bars), next_bars=next_bars)


def _scores(next_bars: int) -> dict[str, tuple[float, float]]:
    data = _prepared(next_bars)
    test = data.splits["test"].numpy()
    y = data.target.numpy()[test].astype(np.float64)
    forecasts = _fitted(next_bars).forecasts(data.bars.close, data.decision_bar[test])
    return {
        key: (float(nll(p, y).mean()), float(crps(p, y).mean())) for key, p in forecasts.items()
    }


def test_garch_finds_the_process_that_made_the_candles() -> None:
    garch = _fitted(1).garch
    assert garch is not None
    assert garch.alpha == pytest.approx(ALPHA, abs=0.02)
    assert garch.beta == pytest.approx(BETA, abs=0.03)
    assert garch.omega == pytest.approx(OMEGA, rel=0.5)
    assert _fitted(1).garch_shape.df == pytest.approx(DEGREES_OF_FREEDOM, abs=1.0)
    truth = simulate(BARS, 7).volatility
    data = _prepared(1)
    p = _fitted(1).forecasts(data.bars.close, data.decision_bar)["garch"]
    assert p.scale is not None and p.df is not None
    deviation = p.scale * np.sqrt(p.df / (p.df - 2.0))  # that of Student's t
    ratio = deviation / truth[data.decision_bar + 1]
    assert np.abs(np.log(ratio)).mean() < 0.05


@pytest.mark.parametrize("next_bars", [1, 12])
def test_who_knows_more_scores_better(next_bars: int) -> None:
    scores = _scores(next_bars)
    assert set(scores) == set(BASELINES)
    for better, worse in (("garch", "constant"), ("ewma", "constant"), ("constant", "random_walk")):
        assert scores[better][0] < scores[worse][0]
    assert scores["garch"][1] < scores["random_walk"][1]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_garch_finds_a_process_whose_shocks_hardly_fade(seed: int) -> None:
    rng = np.random.default_rng(seed)
    returns = rng.standard_t(3.5, 40_000) * np.sqrt(1.5 / 3.5)
    variance = 1.0
    for at, shock in enumerate(returns.tolist()):
        returns[at] = shock * variance**0.5
        variance = 2e-4 + 0.07 * returns[at] ** 2 + 0.9295 * variance
    found = fit_garch(1e-3 * returns)
    assert found is not None
    assert found.alpha + found.beta > 0.99
    assert found.alpha == pytest.approx(0.07, abs=0.015)


def test_garch_is_within_a_hundredth_of_a_nat_of_the_truth() -> None:
    data, test = _prepared(1), _prepared(1).splits["test"].numpy()
    y = data.target.numpy()[test].astype(np.float64)
    truth = simulate(BARS, 7).volatility[data.decision_bar[test] + 1]
    unit = np.sqrt((DEGREES_OF_FREEDOM - 2) / DEGREES_OF_FREEDOM)
    best = -stats.t.logpdf(y, DEGREES_OF_FREEDOM, 0.0, truth * unit).mean()
    assert best - 0.002 < _scores(1)["garch"][0] < best + 0.01


@settings(max_examples=30, deadline=None)
@given(st.integers(0, BARS - 2), st.integers(0, 2**32 - 1))
def test_later_bars_change_no_forecast(known: int, seed: int) -> None:
    """Bit for bit, whatever the prices after the bar ``known`` are."""
    close = _prepared(12).bars.close
    changed = close.copy()
    changed[known + 1 :] *= np.exp(np.random.default_rng(seed).normal(size=BARS - known - 1))
    rows = np.arange(known + 1)
    before, after = (_fitted(12).forecasts(prices, rows) for prices in (close, changed))
    for key in BASELINES:
        assert np.array_equal(before[key].location, after[key].location)
        assert np.array_equal(np.asarray(before[key].scale), np.asarray(after[key].scale))


def test_the_constant_has_the_least_squared_error_of_training() -> None:
    """Its location is the likeliest, which no constant network would be compared with fairly."""
    data = _prepared(1)
    train = data.splits["train"].numpy()
    y = data.target.numpy()[train].astype(np.float64)
    constant = _fitted(1).forecasts(data.bars.close, data.decision_bar[train])["constant"]
    assert squared_error(constant, y).mean() == pytest.approx(y.var(), rel=1e-12)
    assert squared_error(constant.take(slice(5)), y[:5]).shape == (5,)


def test_validation_and_test_are_not_in_the_fit() -> None:
    candles = sample_candles(BARS)
    config, data = small_config(horizons={"next_bars": 1}), _prepared(1)
    last = int(data.decision_bar[data.splits["train"][-1]])
    factor = np.ones(BARS)
    factor[last + 1 + 30 :] = 1.5  # after the longest label of the training part
    changed = replace(
        candles,
        **{name: getattr(candles, name) * factor for name in ("open", "high", "low", "close")},
    )
    other = fit_baselines(prepare_candles(config, changed), next_bars=1)
    assert other.parameters() == _fitted(1).parameters()
    assert np.array_equal(other.short_prior, _fitted(1).short_prior)


def test_variance_over_several_bars_is_the_sum_of_the_expected_ones() -> None:
    parameters = GarchParameters(omega=2e-8, alpha=0.07, beta=0.9, start=1e-6)
    first = np.array([1e-7, 4e-6])
    one, total = first.copy(), first.copy()
    for _ in range(11):
        one = parameters.omega + (parameters.alpha + parameters.beta) * one
        total += one
    assert summed_variance(parameters, first, 12) == pytest.approx(total, rel=1e-12)
    assert summed_variance(parameters, first, 1).tolist() == first.tolist()


def test_variance_is_filtered_bar_by_bar() -> None:
    returns = np.random.default_rng(0).normal(0, 1e-3, 50)
    parameters = GarchParameters(omega=2e-8, alpha=0.07, beta=0.9, start=1e-6)
    variance, expected = parameters.start, []
    for value in returns:
        variance = parameters.omega + parameters.alpha * value**2 + parameters.beta * variance
        expected.append(variance)
    assert next_variance(parameters, returns) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("df", [3.0, 8.0])
def test_the_shape_of_a_student_t_is_the_most_likely_one(df: float) -> None:
    values = stats.t.rvs(df, 2e-4, 1e-3, size=4000, random_state=np.random.default_rng(1))
    shape = fit_student_t(values, free_location=True)
    reference_df, location, scale = stats.t.fit(1e3 * values)  # scipy gets lost in small numbers
    assert shape.df == pytest.approx(reference_df, rel=0.01)
    assert shape.location == pytest.approx(1e-3 * location, abs=2e-6)
    assert shape.scale == pytest.approx(1e-3 * scale, rel=2e-3)
    assert fit_student_t(values, free_location=False).location == 0.0


def test_prices_that_mostly_stand_still_buy_no_endless_likelihood() -> None:
    rng = np.random.default_rng(2)
    values = np.where(rng.random(3000) < 0.8, 0.0, rng.normal(0, 1e-3, 3000))
    shape = fit_student_t(values, free_location=True)
    size = np.sqrt(np.square(values).mean())
    assert shape.scale == pytest.approx(1e-4 * size, rel=1e-6)
    with pytest.raises(ValueError, match="all zero"):
        fit_student_t(np.zeros(10), free_location=True)


def test_a_garch_that_cannot_be_fitted_is_said_and_replaced_by_the_ewma() -> None:
    assert fit_garch(np.full(50, 1e-3)) is None
    data = _prepared(1)
    still = replace(_fitted(1), garch=None, garch_shape=_fitted(1).ewma)
    forecasts = still.forecasts(data.bars.close, data.decision_bar)
    assert np.array_equal(np.asarray(forecasts["garch"].scale), np.asarray(forecasts["ewma"].scale))
    assert still.parameters()["garch"]["converged"] is False


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("bars", [1400, 5000])
def test_poor_data_still_give_densities(bars: int) -> None:
    candles = random_candles(bars, missing_share=0.1)
    still = np.arange(len(candles)) % 400 > 200  # long times without a trade
    price = np.where(still, 100.0, candles.close)
    flat = Candles(
        candles.open_time, price, price, price, price, candles.volume, candles.bar_seconds
    )
    data = prepare_candles(small_config(data={"max_gap_bars": 50}), flat)
    fitted = fit_baselines(data, next_bars=2)
    for p in fitted.forecasts(data.bars.close, data.decision_bar).values():
        assert p.scale is not None and (p.scale > 0).all()
        assert np.isfinite(crps(p, data.target.numpy().astype(np.float64))).all()
        assert np.isfinite(nll(p, data.target.numpy().astype(np.float64))).all()
