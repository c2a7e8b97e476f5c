"""How weights start."""

from __future__ import annotations

import math

from torch import nn

PROJECTION_STD = 0.02


def start_linear(layer: nn.Linear, *, std: float = PROJECTION_STD) -> nn.Linear:
    """Truncated-normal weights and zero bias; returns the layer."""
    nn.init.trunc_normal_(layer.weight, std=std, a=-2 * std, b=2 * std)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def start_fan_in(layer: nn.Linear) -> nn.Linear:
    """Weights that keep the variance of a unit-variance input; zero bias; returns the layer."""
    return start_linear(layer, std=1.0 / math.sqrt(layer.in_features))


def start_silent(layer: nn.Linear) -> nn.Linear:
    """All zeros, so that the layer adds nothing until it has learnt to; returns the layer."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
