"""The one way a loss is reduced to a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def weighted_mean(values: Tensor, weight: Tensor | None) -> Tensor:
    """Mean of ``values`` [B], each counted ``weight`` [B] times (all alike where None) -> [].

    A batch whose weights are all zero scores zero.
    """
    if weight is None:
        return values.mean()
    return (values * weight).sum() / weight.sum().clamp(min=1e-12)
