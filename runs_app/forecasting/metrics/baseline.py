"""The forecast that knows nothing but the past's mean and variance, scored on the same rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class ConstantBaseline:
    """A Gaussian with the mean and variance of the training targets, the same at every decision.

    Whatever the network's head, its NLL is this Gaussian's, so that runs can be compared.
    """

    mean: float
    std: float

    @classmethod
    def fitted(cls, target: Tensor) -> Self:
        """Maximum likelihood on the training targets [N], log-returns."""
        values = target.double()
        return cls(mean=float(values.mean()), std=float(values.std(unbiased=False)))

    def rmse(self, target: Tensor) -> float:
        """Root mean squared error on ``target`` [N], in log-return."""
        return float((target.double() - self.mean).square().mean().sqrt())

    def nll(self, target: Tensor) -> float:
        """Mean negative log density of ``target`` [N], natural log, of log-returns."""
        mean_square = float(((target.double() - self.mean) / self.std).square().mean())
        return 0.5 * mean_square + math.log(self.std) + 0.5 * math.log(2.0 * math.pi)
