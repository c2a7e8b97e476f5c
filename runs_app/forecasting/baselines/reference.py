"""The forecasters to beat: fitted on the training part alone, asked at every decision.

What they forecast is what the network forecasts: the log-return over the next bars, from what is
known at the decision's close, on the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from runs_app.forecasting.baselines.garch import (
    LEAST_VARIANCE,
    GarchParameters,
    fit_garch,
    next_variance,
    summed_variance,
)
from runs_app.forecasting.baselines.student import StudentShape, fit_student_t
from runs_app.forecasting.data.prepare import PreparedData
from runs_app.forecasting.data.volatility import ewma_volatility, floor_of, log_returns
from runs_app.forecasting.data.warmup import WARMUP_BARS
from runs_app.forecasting.evaluation.directions import class_prior
from runs_app.forecasting.evaluation.predictive import Family, FloatArray, Predictive
from runs_app.forecasting.progress import advance

Int64Array = npt.NDArray[np.int64]

EWMA_HALF_LIFE_BARS = 20.0


@dataclass(frozen=True)
class Baselines:
    """What was fitted on the training part of one data set, for returns over ``next_bars``."""

    next_bars: int
    target_size: float
    """Root mean square of the training targets: the random walk's deviation."""
    target_mean: float
    """The constant forecast with the least squared error; skewed returns have another location."""
    constant: StudentShape
    ewma: StudentShape
    """Shape of the return in units of the EWMA volatility."""
    volatility_floor: float
    """Of the EWMA volatility per bar."""
    garch: GarchParameters | None
    """None where the fit did not converge: the EWMA forecast then stands in its place."""
    garch_shape: StudentShape
    short_prior: FloatArray
    long_prior: FloatArray
    """[3] shares of down, flat and up in training."""
    notes: tuple[str, ...] = field(default=())

    def forecasts(self, close: FloatArray, decision_bar: Int64Array) -> dict[str, Predictive]:
        """Forecasts at the closes of the bars ``decision_bar`` [N], by key of ``BASELINES``.

        ``close`` [bars] are all closes of the decision timeframe. A forecast at a bar comes from
        that bar and earlier ones.
        """
        count = len(decision_bar)
        returns = log_returns(close)
        zero = np.zeros(count)
        ewma = ewma_deviation(returns, self.volatility_floor, self.next_bars)[decision_bar]
        deviation = ewma
        if self.garch is not None:
            deviation = garch_deviation(self.garch, returns, self.next_bars)[decision_bar]
        return {
            "random_walk": Predictive(
                Family.GAUSSIAN, zero, scale=np.full(count, self.target_size)
            ),
            "constant": replace(
                _student_t(self.constant, np.ones(count)), mean=np.full(count, self.target_mean)
            ),
            "ewma": _student_t(self.ewma, ewma),
            "garch": _student_t(self.garch_shape, deviation),
        }

    def parameters(self) -> dict[str, dict[str, float | bool]]:
        """The fitted figures by key of ``BASELINES``: per bar or per return, in log-returns."""
        garch: dict[str, float | bool] = {"converged": self.garch is not None}
        if self.garch is not None:
            garch |= {
                "omega": self.garch.omega,
                "alpha": self.garch.alpha,
                "beta": self.garch.beta,
            }
        return {
            "random_walk": {"deviation": self.target_size},
            "constant": {
                "mean": self.target_mean,
                "location": self.constant.location,
                "scale": self.constant.scale,
                "df": self.constant.df,
            },
            "ewma": {
                "half_life_bars": EWMA_HALF_LIFE_BARS,
                "scale_share": self.ewma.scale,
                "df": self.ewma.df,
            },
            "garch": {**garch, "scale_share": self.garch_shape.scale, "df": self.garch_shape.df},
        }


def fit_baselines(data: PreparedData, *, next_bars: int) -> Baselines:
    """Fit all of them on the decisions of the training part and on the bars closed by its last.

    Raises ``ValueError`` where the training prices never move.
    """
    rows = data.splits["train"].numpy()
    target = data.target.numpy()[rows].astype(np.float64)
    decisions = data.decision_bar[rows]
    known = int(decisions[-1]) + 1
    returns = log_returns(data.bars.close[:known])
    floor = floor_of(ewma_volatility(returns, EWMA_HALF_LIFE_BARS)[WARMUP_BARS:])
    ewma = fit_student_t(
        target / ewma_deviation(returns, floor, next_bars)[decisions], free_location=False
    )
    advance()
    garch = fit_garch(returns[1:])
    advance()
    garch_shape, notes = ewma, [_no_convergence()]
    if garch is not None:
        deviation = garch_deviation(garch, returns, next_bars)[decisions]
        garch_shape, notes = fit_student_t(target / deviation, free_location=False), []
    advance()
    return Baselines(
        next_bars=next_bars,
        target_size=float(np.sqrt(np.square(target).mean())),
        target_mean=float(target.mean()),
        constant=fit_student_t(target, free_location=True),
        ewma=ewma,
        volatility_floor=floor,
        garch=garch,
        garch_shape=garch_shape,
        short_prior=class_prior(data.short_label.numpy()[rows]),
        long_prior=class_prior(data.long_label.numpy()[rows]),
        notes=tuple(notes),
    )


def ewma_deviation(returns: FloatArray, floor: float, next_bars: int) -> FloatArray:
    """Deviation of the return over the next bars, at each bar's close [bars]."""
    per_bar = np.maximum(ewma_volatility(returns, EWMA_HALF_LIFE_BARS), floor)
    deviation: FloatArray = per_bar * np.sqrt(next_bars)
    return deviation


def garch_deviation(parameters: GarchParameters, returns: FloatArray, next_bars: int) -> FloatArray:
    """Deviation of the return over the next bars, at each bar's close [bars]; above zero."""
    variance = summed_variance(parameters, next_variance(parameters, returns), next_bars)
    smallest = LEAST_VARIANCE * parameters.start * next_bars
    deviation: FloatArray = np.sqrt(np.maximum(variance, smallest))
    return deviation


def _student_t(shape: StudentShape, deviation: FloatArray) -> Predictive:
    count = len(deviation)
    return Predictive(
        Family.STUDENT_T,
        np.full(count, shape.location),
        scale=shape.scale * deviation,
        df=np.full(count, shape.df),
    )


def _no_convergence() -> str:
    return (
        "GARCH(1,1)-t could not be fitted to the training returns (no start converged), so the "
        "EWMA forecast stands in its place"
    )
