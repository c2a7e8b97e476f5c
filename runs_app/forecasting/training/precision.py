"""The arithmetic a network runs in, for training and for scoring alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from runs_app.forecasting.config.schema import Precision

if TYPE_CHECKING:
    from runs_app.forecasting.config.schema import TrainConfig


def autocast(config: TrainConfig, device: torch.device) -> torch.autocast:
    """A context in which the network's layers run in the precision that ``config`` asks for.

    Heads and losses leave it again: they are always float32.
    """
    return torch.autocast(
        device_type=device.type,
        dtype=torch.bfloat16,
        enabled=config.precision is Precision.BF16_MIXED,
    )
