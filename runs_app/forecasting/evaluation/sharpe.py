"""How much a Sharpe ratio proves, by its length, its shape, and the number of tries behind it.

Bailey and Lopez de Prado, "The Sharpe Ratio Efficient Frontier" (2012) for the probabilistic,
"The Deflated Sharpe Ratio" (2014) for the deflated one. Sharpe ratios in here are per period, not
per year; returns are taken as independent from period to period.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

FloatArray = npt.NDArray[np.float64]


def sharpe_ratio(returns: FloatArray) -> float | None:
    """Mean over standard deviation of returns [N] per period; None where they do not vary."""
    if len(returns) < 2:
        return None
    deviation = float(returns.std(ddof=1))
    # A sum that rounds leaves a deviation of about 1e-17 where every return is the same.
    if deviation <= 1e-12 * float(np.abs(returns).max()):
        return None
    return float(returns.mean()) / deviation


def probabilistic_sharpe(returns: FloatArray, benchmark: float = 0.0) -> float | None:
    """Probability that the true Sharpe ratio of returns [N] exceeds ``benchmark`` (per period)."""
    ratio = sharpe_ratio(returns)
    if ratio is None:
        return None
    centred = returns - returns.mean()
    second = float(np.mean(centred**2))
    skewness = float(np.mean(centred**3)) / second**1.5
    kurtosis = float(np.mean(centred**4)) / second**2
    variance = 1.0 - skewness * ratio + (kurtosis - 1.0) / 4.0 * ratio**2
    error = math.sqrt(max(variance, 1e-12) / (len(returns) - 1))  # zero for some two-valued returns
    return float(ndtr((ratio - benchmark) / error))


def deflated_sharpe(returns: FloatArray, tries: int) -> float | None:
    """Probability that returns [N] are better than the luckiest of so many tries without skill.

    The Sharpe ratios of the earlier tries are not at hand; their variance is that of an estimate
    over N periods without skill, 1 / (N - 1). With one try it is the probabilistic Sharpe ratio.
    """
    if len(returns) < 2:
        return None
    return probabilistic_sharpe(returns, expected_best(tries) / math.sqrt(len(returns) - 1))


def expected_best(tries: int) -> float:
    """Expected maximum of so many independent standard normal numbers, approximately."""
    if tries <= 1:
        return 0.0
    euler = float(np.euler_gamma)
    typical, rare = ndtri([1.0 - 1.0 / tries, 1.0 - 1.0 / (tries * math.e)])
    return float((1.0 - euler) * typical + euler * rare)
