"""Where a forecaster is good and where it is not: by hour of the day and by volatility."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from runs_app.forecasting.evaluation.predictive import FloatArray
from runs_app.forecasting.evaluation.report import Breakdown

Int64Array = npt.NDArray[np.int64]

HOUR_MS = 3_600_000
REGIMES = ("calm", "usual", "wild")


def by_hour(score: str, losses: Mapping[str, FloatArray], time: Int64Array) -> Breakdown:
    """Mean loss [N] of each forecaster by the hour (UTC) of its decisions at ``time`` [N], ms."""
    labels = tuple(f"{hour:02d}" for hour in range(24))
    return _parts("hour", score, losses, time // HOUR_MS % 24, labels)


def by_volatility(
    score: str, losses: Mapping[str, FloatArray], volatility: FloatArray, train: FloatArray
) -> Breakdown:
    """Mean loss [N] by the terciles of the volatility forecast in the training part [M].

    ``volatility`` [N] is known at the decision, so that a regime is no hindsight either.
    """
    borders = np.quantile(train, [1 / 3, 2 / 3])
    part = np.searchsorted(borders, volatility, side="right")
    return _parts("volatility", score, losses, part, REGIMES, tuple(map(float, borders)))


def _parts(
    by: str,
    score: str,
    losses: Mapping[str, FloatArray],
    part: Int64Array,
    labels: tuple[str, ...],
    borders: tuple[float, ...] = (),
) -> Breakdown:
    rows = np.bincount(part, minlength=len(labels))
    sums = {
        key: np.bincount(part, weights=loss, minlength=len(labels)) for key, loss in losses.items()
    }
    return Breakdown(
        by=by,
        score=score,
        labels=labels,
        rows=tuple(int(count) for count in rows),
        scores={
            key: tuple(
                float(f"{total / count:.8g}") if count else None
                for total, count in zip(values, rows, strict=True)
            )
            for key, values in sums.items()
        },
        borders=borders,
    )
