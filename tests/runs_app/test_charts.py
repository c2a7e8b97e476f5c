"""The charts of a run: every figure that a dashboard promises, under its name, unit, direction."""

from __future__ import annotations

import pytest

from runs_app.charts import SYSTEM, TRAINING, VALIDATION, Chart, charts
from runs_app.choices import RunStatus
from runs_app.forecasting.config.schema import LossKind
from tests.factories import make_config, make_run

pytestmark = pytest.mark.django_db

PROMISED = {
    "train_loss": ("Loss", "lower is better", TRAINING),
    "val_loss": ("Loss", "lower is better", TRAINING),
    "learning_rate": ("Learning rate", "", TRAINING),
    "val_da": ("Validation DA", "%, higher is better", VALIDATION),
    "val_f1": ("Validation F1", "0 to 1, higher is better", VALIDATION),
    "val_rmse": ("Validation RMSE", "bp, lower is better", VALIDATION),
    "gpu_memory_mb": ("GPU memory", "GB", SYSTEM),
    "gpu_utilization": ("GPU utilisation", "%", SYSTEM),
}


@pytest.mark.parametrize("loss", list(LossKind))
@pytest.mark.parametrize("metric", PROMISED)
def test_what_a_dashboard_promises_has_a_chart_from_the_start(metric: str, loss: LossKind) -> None:
    config = make_config().model_dump(mode="json")
    config["loss"]["kind"] = str(loss)
    run = make_run(status=RunStatus.RUNNING, config=config)
    title, unit, group = PROMISED[metric]
    (chart,) = [one for one in charts(run) if metric in {line.metric for line in one.lines}]
    assert (chart.title, chart.group, chart.shown) == (title, group, True)
    assert unit in chart.unit


def test_the_time_left_can_be_chosen() -> None:
    chart = _chart("eta_seconds")
    assert (chart.title, chart.shown) == ("ETA", False)
    assert chart.unit.startswith("min left")


def _chart(metric: str) -> Chart:
    drawn = charts(make_run(status=RunStatus.RUNNING))
    return next(one for one in drawn if metric in {line.metric for line in one.lines})
