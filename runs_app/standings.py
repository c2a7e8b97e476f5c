"""The model against the baselines on the validation part, while it trains and afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runs_app.forecasting.config.fields import LossKind
from runs_app.forecasting.evaluation.documents import BASELINES
from runs_app.models import TrainingRun
from runs_app.series import finite

MODEL = "model"
_DENSITY = ("val_nll", "val_crps")
SCORES_OF_LOSS: dict[str, tuple[str, ...]] = {
    LossKind.GAUSSIAN_NLL: _DENSITY,
    LossKind.STUDENT_T: _DENSITY,
    LossKind.QUANTILE: ("val_pinball", "val_rmse"),
    LossKind.MSE: ("val_rmse",),
}
"""The scores a head of each kind is compared by; lower is better in all of them."""


@dataclass(frozen=True)
class Score:
    """One score of the validation part, in words and in the unit it is shown in."""

    key: str
    label: str
    unit: str
    factor: float
    """From the stored unit (log-return, nats) to the one shown."""
    meaning: str
    baselines: tuple[str, ...] = tuple(BASELINES)
    """The baselines that have a score of their own by it."""


SCORES: dict[str, Score] = {
    "val_nll": Score("val_nll", "NLL", "nats", 1, "Negative log-likelihood of what happened"),
    "val_crps": Score("val_crps", "CRPS", "bp", 1e4, "Continuous ranked probability score"),
    "val_pinball": Score("val_pinball", "Pinball loss", "bp", 1e4, "Mean over all quantiles"),
    # The volatility baselines forecast the random walk's zero: a point tells them not apart.
    "val_rmse": Score(
        "val_rmse",
        "RMSE",
        "bp",
        1e4,
        "Root mean squared error of the forecast",
        ("random_walk", "constant"),
    ),
}


@dataclass(frozen=True)
class Cell:
    """A score in the unit shown, and how far the model is from it."""

    value: float | None
    difference: float | None = None
    """The model's best minus this score, in the unit shown; below 0 the model is better."""


@dataclass(frozen=True)
class Row:
    """One forecaster: the model's best epoch so far, or a baseline."""

    key: str
    label: str
    cells: tuple[Cell, ...]

    @property
    def is_model(self) -> bool:
        """True for the model's own row."""
        return self.key == MODEL


@dataclass(frozen=True)
class Standings:
    """Scores of the model and of every baseline on the same validation rows."""

    scores: tuple[Score, ...]
    rows: tuple[Row, ...]
    best_epoch: int | None
    """The epoch of the lowest validation loss so far, whose scores the model's row shows."""
    scored: bool
    """True once the baselines are known."""


def standings(run: TrainingRun) -> Standings:
    """What is known so far; a score that a forecaster does not have is None."""
    kind = run.config.get("loss", {}).get("kind", "")
    scores = tuple(SCORES[key] for key in SCORES_OF_LOSS.get(kind, ()))
    best: Mapping[str, Any] = run.metrics.get("best") or {}
    baselines: Mapping[str, Any] = run.metrics.get("baselines") or {}
    model = Row(MODEL, "This model", tuple(Cell(_shown(best, score)) for score in scores))
    known = [name for name in baselines if any(name in score.baselines for score in scores)]
    rows = [
        Row(
            name,
            BASELINES.get(name, name),
            tuple(
                _against(_shown(baselines[name], score), cell.value)
                if name in score.baselines
                else Cell(None)
                for score, cell in zip(scores, model.cells, strict=True)
            ),
        )
        for name in known
    ]
    return Standings(scores, (model, *rows), best.get("epoch"), scored=bool(baselines))


def _shown(values: Mapping[str, Any], score: Score) -> float | None:
    value = finite(values.get(score.key))
    return None if value is None else value * score.factor


def _against(value: float | None, best: float | None) -> Cell:
    return Cell(value, None if value is None or best is None else best - value)
