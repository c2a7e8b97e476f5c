"""How far a network's corrections are believed: the shares that validate best.

A network that finds nothing still learns its training part by heart, and what it makes of that in
the direction of the next return costs more likelihood than all it knows about volatility gains.
Two shares, one for the location and one for everything else, are settled on validation after each
epoch: 0 leaves the fitted mixture of volatilities as it is, 1 takes the network at its word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from runs_app.forecasting.losses.forecast import Forecast
from runs_app.forecasting.losses.total import REGRESSION_LOSSES

if TYPE_CHECKING:
    from torch import Tensor

    from runs_app.forecasting.config.schema import LossKind
    from runs_app.forecasting.network.forecaster import Forecaster
    from runs_app.forecasting.network.heads import DistributionHead

MAX_ROWS = 8192
"""Validation decisions, evenly spaced, on which the shares are settled."""
SHARES = tuple(step / 10 for step in range(11))
ROUNDS = 2


def spaced(rows: Tensor) -> Tensor:
    """At most ``MAX_ROWS`` of ``rows`` [N], evenly spaced."""
    return rows[:: -(-len(rows) // MAX_ROWS)]


def settle_credibility(
    network: Forecaster, kind: LossKind, *, raw: Tensor, log_volatility: Tensor, target: Tensor
) -> None:
    """Set the shares of the head with the lowest loss on ``raw`` [N, outputs], as ``corrections``
    gives it with ``log_volatility`` [N], for the standardised ``target`` [N].

    One share after the other, from none; of equal losses the smaller share.
    """
    head: DistributionHead = network.distribution

    def loss(location: float, shape: float) -> float:
        head.believe(location=location, shape=shape)
        distribution = head.read(raw * head.credibility, log_volatility)
        nothing = raw.new_zeros(len(raw), 3)
        return REGRESSION_LOSSES[kind](
            forecast=Forecast(*distribution, nothing, nothing), target=target
        ).item()

    location = shape = 0.0
    with torch.inference_mode():
        for _ in range(ROUNDS):
            shape = min(SHARES, key=lambda share: loss(location, share))
            location = min(SHARES, key=lambda share: loss(share, shape))
        head.believe(location=location, shape=shape)
