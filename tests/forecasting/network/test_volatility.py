"""The scale starts at the likeliest mixture of EWMA variances, and at no other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import lfilter
from scipy.stats import t as student_t
from torch import Tensor

from runs_app.forecasting.config.half_lives import HALF_LIVES_BARS
from runs_app.forecasting.config.schema import LossKind
from runs_app.forecasting.data.sample import DEGREES_OF_FREEDOM, simulate
from runs_app.forecasting.network.volatility import VolatilityMixture

BARS = 30_000


def garch() -> tuple[Tensor, Tensor, Tensor]:
    """EWMA volatilities [N, K], the next returns [N] and their true deviation [N], standardised."""
    drawn = simulate(BARS, 3)
    returns = drawn.log_return / drawn.log_return.std()
    truth = drawn.volatility / drawn.log_return.std()
    squares = returns**2
    columns = []
    for half_life in HALF_LIVES_BARS:
        decay = 0.5 ** (1.0 / half_life)
        columns.append(np.sqrt(lfilter([1.0 - decay], [1.0, -decay], squares)))
    volatility = np.stack(columns, axis=1)[500:-1]
    return torch.tensor(volatility), torch.tensor(returns[501:]), torch.tensor(truth[501:])


@pytest.mark.parametrize("kind", [LossKind.STUDENT_T, LossKind.GAUSSIAN_NLL])
def test_the_fitted_mixture_is_the_true_garch_variance(kind: LossKind) -> None:
    volatility, target, truth = garch()
    mixture = VolatilityMixture()
    df = mixture.start_from(volatility.log(), target, kind=kind)
    found = mixture(volatility.log()).exp()
    error = (found / truth).log()
    assert float(error.mean().abs()) < 0.03
    assert float(error.std()) < 0.05
    fixed = (volatility[:, 4] / truth).log()  # half-life 16, about what was there before
    assert float(error.std()) < 0.5 * float(fixed.std())
    assert (df is None) == (kind is not LossKind.STUDENT_T)
    if df is not None:
        assert df == pytest.approx(DEGREES_OF_FREEDOM, rel=0.2)


def test_without_clusters_the_mixture_is_nearly_constant() -> None:
    rng = np.random.default_rng(5)
    returns = student_t.rvs(4, size=BARS, random_state=rng) / np.sqrt(2.0)
    columns = [
        np.sqrt(lfilter([1 - d], [1.0, -d], returns**2))
        for d in (0.5 ** (1.0 / h) for h in HALF_LIVES_BARS)
    ]
    volatility = torch.tensor(np.stack(columns, axis=1)[500:-1])
    mixture = VolatilityMixture()
    mixture.start_from(volatility.log(), torch.tensor(returns[501:]), kind=LossKind.STUDENT_T)
    assert float(mixture(volatility.log()).std()) < 0.05


def test_the_weights_are_no_parameter_and_travel_with_the_network() -> None:
    volatility, target, _ = garch()
    fitted = VolatilityMixture()
    fitted.start_from(volatility.log(), target, kind=LossKind.STUDENT_T)
    assert list(fitted.parameters()) == []
    other = VolatilityMixture()
    other.load_state_dict(fitted.state_dict())
    assert torch.equal(other(volatility.log()), fitted(volatility.log()))


def test_a_price_that_hardly_moves_gives_finite_weights() -> None:
    mixture = VolatilityMixture()
    still = torch.full((200, len(HALF_LIVES_BARS)), -9.0)
    mixture.start_from(still, torch.zeros(200), kind=LossKind.STUDENT_T)
    assert bool(torch.isfinite(mixture(still)).all())
