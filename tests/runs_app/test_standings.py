"""The model beside the baselines, by the scores its head has, in the units of the page."""

from __future__ import annotations

import pytest

from runs_app.forecasting.config.fields import LossKind
from runs_app.models import TrainingRun
from runs_app.standings import SCORES_OF_LOSS, standings

BASELINES = {
    "random_walk": {"val_nll": -5.0, "val_crps": 6e-4, "val_pinball": None, "val_rmse": 1e-3},
    "garch": {"val_nll": "NaN", "val_crps": 5e-4, "val_pinball": None, "val_rmse": 1e-3},
}
BEST = {"epoch": 3, "val_loss": 0.1, "val_nll": -5.25, "val_crps": 4e-4}


def run(kind: str = "student_t", **metrics: object) -> TrainingRun:
    return TrainingRun(config={"loss": {"kind": kind}}, metrics=metrics)


def test_baselines_are_known_before_the_model_is() -> None:
    found = standings(run(baselines=BASELINES))
    assert found.scored
    assert found.best_epoch is None
    assert [row.label for row in found.rows] == ["This model", "random walk", "GARCH(1,1)-t"]
    assert found.rows[1].cells[1].value == pytest.approx(6.0)
    assert found.rows[1].cells[1].difference is None


def test_the_difference_is_below_zero_where_the_model_is_better() -> None:
    model, walk, garch = standings(run(baselines=BASELINES, best=BEST)).rows
    assert (model.is_model, walk.is_model) == (True, False)
    assert [cell.value for cell in model.cells] == pytest.approx([-5.25, 4.0])
    assert [cell.difference for cell in walk.cells] == pytest.approx([-0.25, -2.0])
    assert garch.cells[0].value is None


def test_a_point_forecast_is_compared_with_the_points_that_differ() -> None:
    found = standings(run("mse", baselines=BASELINES))
    assert [row.key for row in found.rows] == ["model", "random_walk"]


def test_every_head_has_its_scores() -> None:
    assert set(SCORES_OF_LOSS) == set(LossKind)
    assert [score.label for score in standings(run("mse")).scores] == ["RMSE"]
    assert not standings(run("an older kind")).scores
