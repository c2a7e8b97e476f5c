"""The mean scores of a part of the data, over all of its rows at once."""

from __future__ import annotations

import math

from runs_app.forecasting.evaluation.predictive import Family, FloatArray, Predictive
from runs_app.forecasting.evaluation.scores import (
    absolute_error,
    can_quantile,
    crps,
    nll,
    pinball,
    squared_error,
)


def mean_scores(
    p: Predictive, y: FloatArray, *, levels: tuple[float, ...] = ()
) -> dict[str, float | None]:
    """``nll crps pinball rmse mae`` of forecasts of returns ``y`` [N]; None where there is none.

    The pinball loss is over ``levels``, or over a quantile forecast's own.
    """
    levels = p.levels if p.family is Family.QUANTILES else levels
    has_levels = bool(levels) and all(can_quantile(p, level) for level in levels)
    return {
        "nll": float(nll(p, y).mean()) if p.has_density else None,
        "crps": float(crps(p, y).mean()) if p.has_density else None,
        "pinball": float(pinball(p, y, levels).mean()) if has_levels else None,
        "rmse": math.sqrt(float(squared_error(p, y).mean())),
        "mae": float(absolute_error(p, y).mean()),
    }
