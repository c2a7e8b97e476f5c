"""The baselines' scores on the validation part, known before the first step."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from runs_app.forecasting.evaluation.documents import BASELINES
from runs_app.forecasting.evaluation.predictive import QUANTILE_LEVELS
from runs_app.forecasting.evaluation.scorecard import mean_scores
from runs_app.forecasting.progress import advance

if TYPE_CHECKING:
    from runs_app.forecasting.baselines.reference import Baselines
    from runs_app.forecasting.data.prepare import PreparedData
    from runs_app.forecasting.evaluation.predictive import FloatArray, Predictive

LOG = logging.getLogger(__name__)
SHOWN = ("nll", "crps", "pinball", "rmse")

Scores = dict[str, dict[str, float | None]]
"""By key of ``BASELINES``, then ``val_nll val_crps val_pinball val_rmse``."""


def rivals_of(baselines: Baselines, data: PreparedData, split: str) -> dict[str, Predictive]:
    """Forecasts of the decisions of ``split`` by key of ``BASELINES``."""
    rows = data.splits[split].numpy()
    return baselines.forecasts(data.bars.close, data.decision_bar[rows])


def outcomes_of(data: PreparedData, split: str) -> FloatArray:
    """The log-returns that came, in the order of the decisions of ``split`` [N]."""
    y: FloatArray = data.target.numpy()[data.splits[split].numpy()].astype(np.float64)
    return y


def score_baselines(baselines: Baselines, data: PreparedData) -> Scores:
    """Scores on the rows on which the network is validated."""
    y = outcomes_of(data, "validation")
    scores: Scores = {}
    for key, forecast in rivals_of(baselines, data, "validation").items():
        means = mean_scores(forecast, y, levels=QUANTILE_LEVELS)
        scores[key] = {f"val_{name}": means[name] for name in SHOWN}
        advance()
    return scores


def log_baselines(baselines: Baselines, scores: Scores) -> None:
    """Print what was fitted and how it scores."""
    for note in baselines.notes:
        LOG.warning(note)
    parameters = baselines.parameters()
    for key, words in BASELINES.items():
        values = scores[key]
        fitted = ", ".join(
            f"{name} {value:.4g}"
            for name, value in parameters[key].items()
            if not isinstance(value, bool)
        )
        LOG.info(
            "Baseline %s: validation NLL %.4f, CRPS %.4e (%s)",
            words, values["val_nll"], values["val_crps"], fitted,
        )  # fmt: skip
