"""What validation teaches about a finished model's confidence: a few numbers that ship inside it.

A network is fitted on one time and asked about another; what changes first is how far it should
trust itself. So one factor corrects the scale of a density, one per level the distances of
quantiles from their median, one temperature each direction. The location, and with it every sign,
stays. Nothing is corrected unless validation shows it to be wrong: a forecast that is calibrated
would otherwise only take over the noise of the validation part.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.optimize import minimize_scalar

from runs_app.forecasting.evaluation.directions import (
    SMALLEST_PROBABILITY,
    Int64Array,
    log_loss,
)
from runs_app.forecasting.evaluation.documents import Record
from runs_app.forecasting.evaluation.predictive import Family, FloatArray, Predictive
from runs_app.forecasting.evaluation.scores import crps, nll
from runs_app.forecasting.evaluation.significance import diebold_mariano

SIGNIFICANCE = 0.05
"""A correction needs a p-value below this."""
SCALE_BOUNDS = (0.25, 4.0)
"""Of the factor on a scale and on a quantile's distance alike."""
TEMPERATURE_BOUNDS = (0.25, 50.0)
_PROBE = 1.02
"""How much more and less confident the forecasts are that show whether anything is wrong."""

Loss = Callable[[float], FloatArray]
"""Losses [N] of the forecasts corrected by a factor."""


class DirectionCalibration(Record):
    """Temperature scaling (Guo et al. 2017) around the class prior instead of around 1/3 each."""

    temperature: float = 1.0
    """Above 1: less confident. Without end: the prior itself."""
    prior: tuple[float, float, float]
    """Shares of down, flat and up in training."""

    def apply(self, probabilities: FloatArray) -> FloatArray:
        """Corrected ``probabilities`` [N, 3]: prior^(1 - 1/T) p^(1/T), summing to one."""
        if self.temperature == 1.0:
            return probabilities
        share = 1.0 / self.temperature
        logits = share * np.log(np.maximum(probabilities, SMALLEST_PROBABILITY))
        logits = logits + (1.0 - share) * np.log(self.prior)
        logits = np.exp(logits - logits.max(axis=-1, keepdims=True))
        corrected: FloatArray = logits / logits.sum(axis=-1, keepdims=True)
        return corrected


class Calibration(Record):
    """How a network's forecasts are corrected, learnt on the validation part alone."""

    rows: int
    """Validation decisions it was learnt on."""
    scale: float = 1.0
    """Factor on the scale of a density."""
    stretch: tuple[float, ...] = ()
    """Factor on each quantile's distance from the median, per level; empty without quantiles."""
    short: DirectionCalibration
    long: DirectionCalibration

    def apply(self, p: Predictive) -> Predictive:
        """The corrected distribution; the location stays, quantiles stay in order."""
        if p.has_density:
            return scaled(p, self.scale)
        if p.family is Family.QUANTILES and p.quantiles is not None and self.stretch:
            centre = p.location[:, None]
            stretched = centre + np.array(self.stretch) * (p.quantiles - centre)
            # Rearranged where two levels have changed places (Chernozhukov et al. 2010).
            return replace(p, quantiles=np.sort(stretched, axis=-1))
        return p


def fit_scale(p: Predictive, y: FloatArray, *, horizon_bars: int) -> float:
    """The factor on the scale of a density with the lowest mean NLL on returns ``y`` [N].

    The NLL, because it weighs a calm and a wild time alike. 1 where forecasts a little wider and a
    little narrower are equally good (Diebold-Mariano), and where the CRPS would become worse.
    """
    if not p.has_density:
        return 1.0
    best = _best_factor(lambda factor: nll(scaled(p, factor), y), SCALE_BOUNDS, horizon_bars)
    return best if crps(scaled(p, best), y).mean() <= crps(p, y).mean() else 1.0


def scaled(p: Predictive, factor: float) -> Predictive:
    """``p`` with ``factor`` times its scale, where it has one."""
    return p if p.scale is None else replace(p, scale=factor * p.scale)


def fit_stretch(p: Predictive, y: FloatArray, *, horizon_bars: int) -> tuple[float, ...]:
    """Per level the factor on the distance from the median that covers as stated on ``y`` [N].

    Split-conformal with the distance itself as the unit (Romano, Patterson and Candes 2019): the
    empirical quantile of outcome over distance. 1 for the median, for a level that is not
    significantly off, and where the pinball loss would become worse.
    """
    if p.quantiles is None:
        return ()
    return tuple(
        1.0
        if level == 0.5
        else _level_stretch(y - p.location, p.quantiles[:, i] - p.location, level, horizon_bars)
        for i, level in enumerate(p.levels)
    )


def fit_direction(
    probabilities: FloatArray, label: Int64Array, prior: FloatArray, *, horizon_bars: int
) -> DirectionCalibration:
    """The temperature with the lowest log-loss of ``label`` [N] under ``probabilities`` [N, 3].

    1 where a little more and a little less confidence are equally good.
    """
    down, flat, up = (float(share) for share in prior)

    def at(temperature: float) -> DirectionCalibration:
        return DirectionCalibration(temperature=temperature, prior=(down, flat, up))

    best = _best_factor(
        lambda temperature: log_loss(at(temperature).apply(probabilities), label),
        TEMPERATURE_BOUNDS,
        horizon_bars,
    )
    return at(best)


def _best_factor(loss: Loss, bounds: tuple[float, float], horizon_bars: int) -> float:
    more, less = loss(_PROBE), loss(1.0 / _PROBE)
    if diebold_mariano(more, less, horizon_bars=horizon_bars).p_value >= SIGNIFICANCE:
        return 1.0
    found = minimize_scalar(
        lambda log_factor: float(loss(math.exp(log_factor)).mean()),
        bounds=(math.log(bounds[0]), math.log(bounds[1])),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return math.exp(float(found.x))


def _level_stretch(
    outcome: FloatArray, distance: FloatArray, level: float, horizon_bars: int
) -> float:
    """``outcome`` and ``distance`` [N] are measured from the median."""

    def loss(factor: float) -> FloatArray:
        error = outcome - factor * distance
        lost: FloatArray = np.maximum(level * error, (level - 1.0) * error)
        return lost

    wide, narrow = loss(_PROBE), loss(1.0 / _PROBE)
    if diebold_mariano(wide, narrow, horizon_bars=horizon_bars).p_value >= SIGNIFICANCE:
        return 1.0
    outwards = math.copysign(1.0, level - 0.5)
    ratio = outwards * outcome / np.maximum(np.abs(distance), 1e-300)
    factor = float(np.clip(np.quantile(ratio, max(level, 1.0 - level)), *SCALE_BOUNDS))
    return factor if loss(factor).mean() <= loss(1.0).mean() else 1.0
