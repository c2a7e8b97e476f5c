"""Means over a whole part; what a forecast cannot say is absent."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from runs_app.forecasting.evaluation.predictive import Family, Predictive
from runs_app.forecasting.evaluation.scorecard import mean_scores

LEVELS = (0.05, 0.5, 0.95)


def test_a_density_has_every_score() -> None:
    rng = np.random.default_rng(1)
    y = rng.standard_t(4, 200) * 2e-3
    location, df = rng.normal(0, 1e-4, 200), np.full(200, 5.0)
    scale = np.full(200, 1.5e-3)
    p = Predictive(Family.STUDENT_T, location, scale=scale, df=df)
    scores = mean_scores(p, y, levels=LEVELS)
    assert scores["nll"] == pytest.approx(-stats.t.logpdf(y, df, location, scale).mean())
    assert scores["rmse"] == pytest.approx(np.sqrt(np.square(y - location).mean()))
    assert scores["mae"] == pytest.approx(np.abs(y - location).mean())
    assert scores["crps"] is not None and scores["pinball"] is not None
    assert mean_scores(p, y)["pinball"] is None
    several = Predictive(Family.STUDENT_T, location, scale=scale, df=df + np.arange(200) * 1e-9)
    assert mean_scores(several, y)["crps"] == pytest.approx(scores["crps"], rel=1e-6)


def test_points_and_quantiles_have_no_density() -> None:
    y = np.array([1e-3, -1e-3])
    point = mean_scores(Predictive(Family.POINT, np.zeros(2)), y, levels=LEVELS)
    assert point == {"nll": None, "crps": None, "pinball": None, "rmse": 1e-3, "mae": 1e-3}
    quantiles = Predictive(
        Family.QUANTILES, np.zeros(2), quantiles=np.tile([-1e-3, 0, 1e-3], (2, 1)), levels=LEVELS
    )
    scores = mean_scores(quantiles, y)
    assert scores["nll"] is None and scores["crps"] is None
    assert scores["pinball"] == pytest.approx((0.05 * 1e-3 + 0.5 * 1e-3 + 0.05 * 1e-3) / 3)
