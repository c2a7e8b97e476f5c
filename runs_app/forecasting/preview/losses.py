"""``python -m runs_app.forecasting.preview.losses losses ...``: what each loss makes of the data.

Beside the others, because the Student-t's fit comes with torch, which takes seconds to load.
"""

from __future__ import annotations

import sys

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from runs_app.forecasting.baselines.student import fit_student_t
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.candles import Candles
from runs_app.forecasting.data.ledger import lay_out
from runs_app.forecasting.errors import DataInvalid
from runs_app.forecasting.evaluation.predictive import QUANTILE_LEVELS
from runs_app.forecasting.preview.asking import answer
from runs_app.forecasting.preview.documents import LossShapes

REACH = 4.0
"""Standard deviations that are drawn to each side."""
BINS = 64
POINTS = 161


def preview_losses(config: RunConfig, candles: Candles) -> LossShapes:
    """Over the training part alone, as a run would learn it. Raises ``DataInvalid``."""
    made = lay_out(config, candles)
    if made.ledger.problem:
        raise DataInvalid(made.ledger.problem)
    returns = made.labels.target[made.valid[made.parts["train"]]]
    scale = float(returns.std())
    if not scale > 0.0:
        raise DataInvalid("the price does not move over the training part; choose other dates")
    z = returns / scale
    edges = np.linspace(-REACH, REACH, BINS + 1)
    counts, _ = np.histogram(z, edges)
    shape = fit_student_t(z, free_location=True)
    at = np.linspace(-REACH, REACH, POINTS)
    centred = z - z.mean()
    return LossShapes(
        decisions=len(z),
        scale=scale,
        edges=tuple(edges.tolist()),
        shares=tuple((counts / len(z)).tolist()),
        beyond=float(1.0 - counts.sum() / len(z)),
        at=tuple(at.tolist()),
        gaussian=tuple(norm.pdf(at, z.mean(), 1.0).tolist()),
        student_t=tuple(student.pdf(at, shape.df, shape.location, shape.scale).tolist()),
        df=shape.df,
        mean=float(z.mean()),
        levels=QUANTILE_LEVELS,
        quantiles=tuple(np.quantile(z, QUANTILE_LEVELS).tolist()),
        kurtosis=float((centred**4).mean() - 3.0),
    )


if __name__ == "__main__":
    sys.exit(answer({"losses": preview_losses}))
