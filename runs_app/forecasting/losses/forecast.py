"""What a network says about a batch of decisions, in standardised units.

The letters of the whole core: B batch, S timeframes, L input steps, P patches, F features,
D width, H attention heads, Q quantiles. Standardised means divided by the standard deviation of the
target on the training part, so that loss figures of different markets can be compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


class Forecast(NamedTuple):
    """Float32 throughout; a field is None where the head has no such parameter."""

    location: Tensor
    """[B] centre of the distribution: mean, or median of the quantile head."""
    log_scale: Tensor | None
    """[B] natural log of the scale parameter (Gaussian: standard deviation)."""
    df: Tensor | None
    """[B] degrees of freedom of the Student-t, above 2."""
    quantiles: Tensor | None
    """[B, Q] at ``evaluation.predictive.QUANTILE_LEVELS``, never decreasing along Q."""
    short_logits: Tensor
    """[B, 3] down, flat, up over the short horizon."""
    long_logits: Tensor
    """[B, 3] down, flat, up over the long horizon."""

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """One forecast of all decisions, in order."""
        columns: dict[str, Any] = {}
        for name in cls._fields:
            pieces = [getattr(part, name) for part in parts]
            columns[name] = None if pieces[0] is None else torch.cat(pieces)
        return cls(**columns)
