"""What a forecaster says about N log-returns: the one form that models and baselines share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

QUANTILE_LEVELS: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Levels of the quantile head and of the quantile columns of the predictions."""


class Family(StrEnum):
    """What kind of statement it is, and so which scores it can have."""

    GAUSSIAN = "gaussian"
    STUDENT_T = "student_t"
    QUANTILES = "quantiles"
    POINT = "point"


@dataclass(frozen=True)
class Predictive:
    """Forecasts of N log-returns (not standardised), all float64, in order of time.

    ``location`` [N]: mean, or the median of quantiles. ``scale`` [N]: the scale parameter
    (Gaussian: standard deviation; Student-t: not its standard deviation), None for quantiles and
    points. ``df`` [N]: degrees of freedom above 2, Student-t only. ``quantiles`` [N, Q] at
    ``levels`` [Q], never decreasing along Q, quantiles only. ``mean`` [N]: what is compared by
    squared error, where that is not the location.
    """

    family: Family
    location: FloatArray
    scale: FloatArray | None = None
    df: FloatArray | None = None
    quantiles: FloatArray | None = None
    levels: tuple[float, ...] = ()
    mean: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.location)

    @property
    def has_density(self) -> bool:
        """True where NLL, CRPS, PIT and every quantile can be had."""
        return self.family in (Family.GAUSSIAN, Family.STUDENT_T)

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_] | slice) -> Self:
        """The forecasts of these rows: indices [M], a mask [N], or a slice."""
        return replace(
            self,
            location=self.location[rows],
            scale=None if self.scale is None else self.scale[rows],
            df=None if self.df is None else self.df[rows],
            quantiles=None if self.quantiles is None else self.quantiles[rows],
            mean=None if self.mean is None else self.mean[rows],
        )
