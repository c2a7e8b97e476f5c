"""AdamW and its learning rate over the fit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from runs_app.forecasting.config.schema import TrainConfig

FINAL_SHARE = 0.01
"""The cosine ends at this share of the peak learning rate."""


def build_optimizer(network: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW; weight decay on the matrices of linear layers only.

    Norms, biases, positions and queries say where things are, not how strongly they act.
    """
    decayed = {layer.weight for layer in network.modules() if isinstance(layer, nn.Linear)}
    plain = [parameter for parameter in network.parameters() if parameter not in decayed]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in network.parameters() if p in decayed]},
        {"params": plain, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        groups, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )


def warmup_length(config: TrainConfig, planned_steps: int) -> int:
    """Steps of warm-up: as configured, but never more than half of a short fit."""
    return min(config.warmup_steps, planned_steps // 2)


def learning_rate_share(step: int, *, warmup_steps: int, planned_steps: int) -> float:
    """Share of the peak learning rate at optimizer step ``step`` (from 0)."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    span = max(1, planned_steps - warmup_steps)
    done = min(1.0, (step - warmup_steps) / span)
    return FINAL_SHARE + (1.0 - FINAL_SHARE) * 0.5 * (1.0 + math.cos(math.pi * done))
