"""Marks of progress inside a step that takes long: a slow machine is not a machine that hangs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from runs_app.forecasting.network.attention import EncoderLayer
from runs_app.forecasting.progress import advance

if TYPE_CHECKING:
    from runs_app.forecasting.config.schema import RunConfig

LONG_STEP = 1e12
"""Multiplications and additions of a step from which on its layers mark progress: some ten seconds
of one core, beside which the marks cost nothing. A shorter step marks its end alone."""


def work_of_step(network: nn.Module, config: RunConfig, rows: int) -> float:
    """Multiplications and additions of one forward and backward pass of ``rows`` windows, about."""
    model = config.model
    tokens = (model.context_bars - model.patch_length) // model.patch_stride + 1
    layers = [part for part in network.modules() if isinstance(part, EncoderLayer)]
    weights = sum(weight.numel() for layer in layers for weight in layer.parameters())
    return 6.0 * weights * tokens * rows


def mark_inside_steps(network: nn.Module, config: RunConfig, rows: int) -> bool:
    """Let every layer mark its way forward and back, where a step takes long; whether it does."""
    # torch.compile would be broken up by them, and a compiled network is not the slow one.
    if config.train.compile or work_of_step(network, config, rows) < LONG_STEP:
        return False
    for part in network.modules():
        if isinstance(part, EncoderLayer):
            part.register_forward_hook(_mark)
    return True


def _mark(layer: nn.Module, given: Any, output: Tensor) -> None:
    advance()
    if output.requires_grad:
        output.register_hook(_mark_back)  # type: ignore[no-untyped-call]


def _mark_back(gradient: Tensor) -> None:
    advance()
