"""One part of the data as arrays: what came, and what every forecaster had said about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from runs_app.forecasting.config.timeframes import duration_seconds
from runs_app.forecasting.data.faults import utc_text
from runs_app.forecasting.errors import NonFiniteLoss
from runs_app.forecasting.evaluation.directions import class_scores, hit_rate, macro_f1
from runs_app.forecasting.evaluation.predictive import QUANTILE_LEVELS
from runs_app.forecasting.evaluation.scorecard import mean_scores
from runs_app.forecasting.evaluation.verdict import MODEL
from runs_app.forecasting.progress import advance
from runs_app.forecasting.training.predictive import float64, predictive_of
from runs_app.forecasting.training.rivals import outcomes_of, rivals_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from runs_app.forecasting.data.prepare import PreparedData
    from runs_app.forecasting.evaluation.directions import ClassScores, HitRate
    from runs_app.forecasting.evaluation.predictive import FloatArray, Predictive
    from runs_app.forecasting.losses.forecast import Forecast
    from runs_app.forecasting.training.assembly import Fit

    Int64Array = NDArray[np.int64]

NEXT = "next"
UNCALIBRATED = "model_uncalibrated"


@dataclass(frozen=True)
class Direction:
    """One direction of N decisions: ``probabilities`` [N, 3], ``label`` [N], ``prior`` [3]."""

    probabilities: FloatArray
    label: Int64Array
    prior: FloatArray
    horizon_bars: int
    """Decision bars until the label is known."""

    def scores(self) -> ClassScores:
        """Beside those of the prior on the same rows."""
        return class_scores(
            self.probabilities, self.label, self.prior, horizon_bars=self.horizon_bars
        )


@dataclass(frozen=True)
class Evidence:
    """N decisions of one part in order of time."""

    data: PreparedData
    rows: Int64Array
    """[N] which decisions of ``data`` they are."""
    y: FloatArray
    """[N] log-returns that came."""
    forecasts: dict[str, Predictive]
    """``model`` first, as it was under ``UNCALIBRATED`` once it is calibrated, then the baselines
    by key of ``BASELINES``."""
    directions: dict[str, Direction]
    """``short`` and ``long``."""
    horizon_bars: int
    uncalibrated_directions: dict[str, Direction] = field(default_factory=dict)
    """As they were, once they are calibrated."""

    @property
    def model(self) -> Predictive:
        """The forecasts that are judged."""
        return self.forecasts[MODEL]

    @property
    def baselines(self) -> dict[str, Predictive]:
        """By key of ``BASELINES``."""
        return {k: one for k, one in self.forecasts.items() if not k.startswith(MODEL)}

    def scores(self) -> dict[str, dict[str, float | None]]:
        """Mean scores of every forecaster, named as in ``evaluation.scorecard``."""
        found = {}
        for name, forecast in self.forecasts.items():
            found[name] = mean_scores(forecast, self.y, levels=QUANTILE_LEVELS)
            advance()
        return found

    def shipped_scores(self) -> dict[str, float | None]:
        """Those scores of an epoch that calibration changes, named as there."""
        means = mean_scores(self.model, self.y)
        f1 = {
            f"f1_{name}": macro_f1(one.probabilities.argmax(-1), one.label)
            for name, one in self.directions.items()
        }
        both = 0.5 * (f1["f1_short"] + f1["f1_long"])
        return {name: means[name] for name in ("nll", "crps", "pinball")} | f1 | {"f1": both}

    def hits(self) -> HitRate | None:
        """Of the sign of the next return; None where no price moved."""
        return hit_rate(self.model.location, self.y, horizon_bars=self.horizon_bars)

    def classes(self) -> dict[str, ClassScores]:
        """Scores of ``short`` and ``long`` beside those of the class prior."""
        return {name: one.scores() for name, one in self.directions.items()}

    def direction_scores(self) -> dict[str, dict[str, Any] | None]:
        """``next``: the hit rate of the sign (None without moves); ``short``, ``long``: classes.

        ``short_uncalibrated`` and ``long_uncalibrated`` are the classes as they were.
        """
        hits = self.hits()
        before = self.uncalibrated_directions.items()
        found = self.classes() | {f"{name}_uncalibrated": one.scores() for name, one in before}
        return {
            NEXT: None if hits is None else asdict(hits),
            **{name: asdict(one) for name, one in found.items()},
        }


def gather(fit: Fit, split: str, forecast: Forecast) -> Evidence:
    """The network's ``forecast`` of ``split`` and the baselines', on exactly the same rows.

    Raises ``NonFiniteLoss`` where the network forecasts no number.
    """
    data, config = fit.data, fit.config
    rows = data.splits[split].numpy()
    model = predictive_of(forecast, config.loss.kind, target_scale=fit.table.target_scale)
    refuse_non_finite(model, data.decision_time[rows], split)
    bar = duration_seconds(data.bars.timeframe)
    directions = {
        name: Direction(
            probabilities=_probabilities(logits),
            label=label.numpy()[rows],
            prior=prior,
            horizon_bars=duration_seconds(horizon) // bar,
        )
        for name, logits, label, prior, horizon in (
            (
                "short", forecast.short_logits, data.short_label, fit.baselines.short_prior,
                config.horizons.short,
            ),
            (
                "long", forecast.long_logits, data.long_label, fit.baselines.long_prior,
                config.horizons.long,
            ),
        )
    }  # fmt: skip
    return Evidence(
        data=data,
        rows=rows,
        y=outcomes_of(data, split),
        forecasts={MODEL: model, **rivals_of(fit.baselines, data, split)},
        directions=directions,
        horizon_bars=config.horizons.next_bars,
    )


def refuse_non_finite(model: Predictive, time: Int64Array, split: str) -> None:
    """Raise ``NonFiniteLoss`` with the first date of ``time`` [N], ms UTC, that has no number."""
    bad = np.zeros(len(model), np.bool_)
    for values in (model.location, model.scale, model.df, model.quantiles):
        if values is not None:
            bad |= ~np.isfinite(values).reshape(len(model), -1).all(axis=1)
    if bad.any():
        raise NonFiniteLoss(
            f"The best weights forecast no finite return at {int(bad.sum()):,} of the {len(bad):,} "
            f"decisions of the {split} part, first at {utc_text(int(time[bad][0]))}. Look for "
            "extreme candles before it, or train in full precision (train.precision)."
        )


def _probabilities(logits: Tensor) -> FloatArray:
    return float64(torch.softmax(logits.double(), dim=-1))
