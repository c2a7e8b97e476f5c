"""The figures of the evaluation beside those of other implementations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from arch.bootstrap import CircularBlockBootstrap
from arch.covariance.kernel import Bartlett
from arch.univariate import GARCH, StudentsT, ZeroMean
from scipy.signal import lfilter
from torchmetrics.classification import MulticlassCalibrationError

from runs_app.forecasting.baselines.garch import fit_garch, next_variance, summed_variance
from runs_app.forecasting.evaluation.bootstrap import skill_ratio
from runs_app.forecasting.evaluation.dependence import bandwidth, mean_error
from runs_app.forecasting.evaluation.directions import ECE_BINS, expected_calibration_error
from runs_app.forecasting.evaluation.documents import Outcome
from runs_app.forecasting.evaluation.predictive import Family, FloatArray, Predictive
from runs_app.forecasting.evaluation.verdict import compare, judge, loss_table

RNG = np.random.default_rng(4)
OVERLAPPING = np.convolve(RNG.standard_normal(1011), np.ones(12), "valid")


def test_the_variance_of_a_mean_is_that_of_arch() -> None:
    found = mean_error(OVERLAPPING, horizon_bars=12)
    kernel = Bartlett(OVERLAPPING[:, None], bandwidth=found.bandwidth - 1)
    other = np.asarray(kernel.cov.long_run).item() / len(OVERLAPPING)
    assert found.variance == pytest.approx(other, rel=1e-9)


def test_the_interval_of_a_skill_is_that_of_arch_but_for_the_t_distribution() -> None:
    a = np.abs(OVERLAPPING) + 0.1
    b = np.abs(np.roll(OVERLAPPING, 3)) * 1.02 + 0.1
    found = skill_ratio(a, b, horizon_bars=12)
    resampled = CircularBlockBootstrap(bandwidth(a - b, horizon_bars=12), a, b, seed=1)
    low, high = resampled.conf_int(
        lambda one, other: 1.0 - one.mean() / other.mean(), 4000, method="percentile"
    ).ravel()
    assert 1.0 < (found.high - found.low) / (high - low) < 1.15


@pytest.mark.parametrize("bars", [1, 12])
def test_forecasts_of_variance_are_those_of_arch(bars: int) -> None:
    volatility = np.exp(0.5 * lfilter([0.2], [1.0, -0.98], RNG.standard_normal(3000)))
    returns = 1e-3 * volatility * RNG.standard_t(6, 3000)
    fitted = fit_garch(returns)
    assert fitted is not None
    model = ZeroMean(
        returns / np.sqrt(fitted.start), volatility=GARCH(1, 0, 1), distribution=StudentsT()
    )
    fixed = model.fix([fitted.omega / fitted.start, fitted.alpha, fitted.beta, 6.0])
    other = fixed.forecast(horizon=bars, start=0, reindex=False).variance.to_numpy().sum(axis=1)
    own = summed_variance(fitted, next_variance(fitted, returns), bars)
    # The first variance is chosen otherwise; beta to the power of 2,000 is left of it.
    assert own[2000:] == pytest.approx(fitted.start * other[2000:], rel=1e-6)


def test_calibration_error_is_that_of_torchmetrics() -> None:
    probabilities = RNG.dirichlet((1.0, 2.0, 1.5), 3000)
    label = RNG.integers(0, 3, 3000)
    other = MulticlassCalibrationError(num_classes=3, n_bins=ECE_BINS, norm="l1")
    expected = other(torch.tensor(probabilities), torch.tensor(label)).item()
    assert expected_calibration_error(probabilities, label) == pytest.approx(expected, abs=1e-6)


def _memory(share: float) -> FloatArray:
    noise = RNG.standard_normal(1200) * np.sqrt(1.0 - share * share)
    remembered: FloatArray = lfilter([1.0], [1.0, -share], noise)[200:]
    return remembered


def test_noise_on_a_baseline_seldom_beats_it_where_volatility_clusters() -> None:
    """Both forecasters are wrong by as much, in location, each with a memory of its own."""
    wins = 0
    for _ in range(300):
        scale = np.exp(0.5 * _memory(0.98))
        y = scale * RNG.standard_t(5, 1000)
        one, other = (
            Predictive(
                Family.STUDENT_T, 0.1 * scale * _memory(0.9), scale=scale, df=np.full(1000, 5.0)
            )
            for _ in range(2)
        )
        table = loss_table(one, {"ewma": other}, y)
        verdict = judge(compare(table, horizon_bars=1), rows=1000)
        wins += verdict.outcome is Outcome.BEATS
    assert wins <= 6
