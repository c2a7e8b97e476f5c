"""How well directions are told: the sign of the next return, and the two trends' classes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from runs_app.forecasting.evaluation.dependence import mean_error
from runs_app.forecasting.evaluation.predictive import FloatArray
from runs_app.forecasting.evaluation.significance import diebold_mariano

Int64Array = npt.NDArray[np.int64]

CLASSES = 3
"""0 down, 1 flat, 2 up."""
COIN = 0.5
ECE_BINS = 15
"""Equal bins of confidence, as in Guo et al. (2017)."""
SMALLEST_PROBABILITY = 1e-12


@dataclass(frozen=True)
class HitRate:
    """Share of moves whose sign was told, among those for which one was forecast."""

    rate: float
    low: float
    high: float
    """95 % interval; a coin lies inside it unless the forecaster knows something."""
    coin: float
    majority: float
    """The hit rate of always saying the sign that was the more frequent one on these rows."""
    moves: int
    """Rows counted: the price changed, and the forecast is not exactly zero."""


def hit_rate(location: FloatArray, y: FloatArray, *, horizon_bars: int) -> HitRate | None:
    """The hit rate of the sign of ``location`` [N] on returns ``y`` [N]; None where none counts.

    An unchanged price has no direction, and a forecast of exactly zero names none: such rows are
    left out. The interval is that of ``share_interval``.
    """
    moved = (np.asarray(y) != 0) & (np.asarray(location) != 0)
    count = int(moved.sum())
    if count == 0:
        return None
    signs = np.sign(y[moved])
    hits = (np.sign(location[moved]) == signs).astype(np.float64)
    share = share_interval(hits, horizon_bars=horizon_bars)
    up = float((signs > 0).mean())
    majority = max(up, 1.0 - up)
    return HitRate(share.value, share.low, share.high, COIN, majority, count)


@dataclass(frozen=True)
class Share:
    """A share of rows with its 95 % interval."""

    value: float
    low: float
    high: float
    effective_rows: float


def share_interval(held: FloatArray, *, horizon_bars: int) -> Share:
    """The mean of ``held`` [N] of zeros and ones in order of time, N at least 1.

    Wilson's interval with the effective number of rows: their number over the factor by which the
    HAC variance exceeds that of independent ones, and at most one per ``horizon_bars``, since
    outcomes over several bars overlap.
    """
    rate = float(held.mean())
    error = mean_error(held, horizon_bars=horizon_bars)
    effective = len(held) / horizon_bars
    if error.variance > 0.0:
        effective = min(effective, rate * (1.0 - rate) / error.variance)
    low, high = _wilson(rate, effective, error.freedom)
    return Share(rate, low, high, effective)


@dataclass(frozen=True)
class ClassScores:
    """Scores of class probabilities over one horizon, beside the class prior on the same rows."""

    f1: float
    shares: tuple[float, float, float]
    """Of the labels on these rows: down, flat, up."""
    prior: tuple[float, float, float]
    """Shares in the training part: the forecast to beat."""
    log_loss: float
    prior_log_loss: float
    log_loss_p_value: float
    """Diebold-Mariano, the model's log-loss against the prior's."""
    brier: float
    """Mean over rows of the squared distance from the outcome, summed over classes: 0..2."""
    prior_brier: float
    brier_skill: float
    """1 - brier / prior_brier."""
    ece: float
    """Expected calibration error of the most probable class, 0..1."""
    prior_ece: float
    accuracy: float
    prior_accuracy: float
    """Of always saying the class most frequent in training."""


def class_scores(
    probabilities: FloatArray, label: Int64Array, prior: FloatArray, *, horizon_bars: int
) -> ClassScores:
    """Score ``probabilities`` [N, 3] of ``label`` [N] beside ``prior`` [3], all summing to one.

    ``horizon_bars``: decision bars until the label is known.
    """
    constant = np.broadcast_to(np.asarray(prior, np.float64), probabilities.shape)
    loss, prior_loss = log_loss(probabilities, label), log_loss(constant, label)
    brier, prior_brier = float(_brier(probabilities, label)), float(_brier(constant, label))
    predicted = probabilities.argmax(-1)
    shares = np.bincount(label, minlength=CLASSES) / max(len(label), 1)
    return ClassScores(
        f1=macro_f1(predicted, label),
        shares=_triple(shares),
        prior=_triple(prior),
        log_loss=float(loss.mean()),
        prior_log_loss=float(prior_loss.mean()),
        log_loss_p_value=diebold_mariano(loss, prior_loss, horizon_bars=horizon_bars).p_value,
        brier=brier,
        prior_brier=prior_brier,
        brier_skill=1.0 - brier / prior_brier if prior_brier > 0.0 else 0.0,
        ece=expected_calibration_error(probabilities, label),
        prior_ece=expected_calibration_error(constant, label),
        accuracy=float((predicted == label).mean()),
        prior_accuracy=float((constant.argmax(-1) == label).mean()),
    )


def class_prior(label: Int64Array) -> FloatArray:
    """Shares of down, flat and up among training labels [N] -> [3], none of them zero.

    One imagined row per class (Laplace), as what was never seen is not impossible.
    """
    counts = np.bincount(label, minlength=CLASSES).astype(np.float64) + 1.0
    shares: FloatArray = counts / counts.sum()
    return shares


def log_loss(probabilities: FloatArray, label: Int64Array) -> FloatArray:
    """Negative log probability of each ``label`` [N] -> [N], in nats."""
    chosen = np.take_along_axis(probabilities, label[:, None], axis=-1)[:, 0]
    loss: FloatArray = -np.log(np.maximum(chosen, SMALLEST_PROBABILITY))
    return loss


def macro_f1(predicted: Int64Array, label: Int64Array) -> float:
    """Mean over classes of F1; a class neither predicted nor present does not count."""
    cells = np.bincount(label * CLASSES + predicted, minlength=CLASSES * CLASSES)
    confusion = cells.reshape(CLASSES, CLASSES)  # [label, predicted]
    involved = confusion.sum(0) + confusion.sum(1)
    occurs = involved > 0
    return float((2.0 * confusion.diagonal()[occurs] / involved[occurs]).mean())


def expected_calibration_error(probabilities: FloatArray, label: Int64Array) -> float:
    """Mean distance between confidence and accuracy over ``ECE_BINS`` bins, weighted by rows.

    ``probabilities`` [N, 3] and ``label`` [N], 0 down, 1 flat, 2 up; from 0 to 1.
    """
    confidence = probabilities.max(-1)
    correct = (probabilities.argmax(-1) == label).astype(np.float64)
    bins = np.minimum((confidence * ECE_BINS).astype(np.int64), ECE_BINS - 1)
    gaps = np.bincount(bins, weights=correct - confidence, minlength=ECE_BINS)
    return float(np.abs(gaps).sum() / max(len(label), 1))


def _brier(probabilities: FloatArray, label: Int64Array) -> FloatArray:
    outcome = np.eye(CLASSES)[label]
    mean: FloatArray = np.square(probabilities - outcome).sum(-1).mean()
    return mean


def _wilson(rate: float, count: float, freedom: float) -> tuple[float, float]:
    z = float(stdtrit(freedom, 0.975))
    centre = (rate + z * z / (2.0 * count)) / (1.0 + z * z / count)
    half = z / (1.0 + z * z / count)
    half *= math.sqrt(rate * (1.0 - rate) / count + z * z / (4.0 * count * count))
    return max(0.0, centre - half), min(1.0, centre + half)


def _triple(values: FloatArray) -> tuple[float, float, float]:
    down, flat, up = (float(value) for value in values)
    return down, flat, up
