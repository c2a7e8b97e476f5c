"""Whether a network and its batch can fit the memory at all, asked before any of it is taken.

The estimates are lower bounds, so that nothing is refused that would have fitted; what slips
through ends as an allocation that the device or the kernel refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from runs_app.forecasting.config.footprint import bytes_per_window, training_bytes
from runs_app.forecasting.counted import counted
from runs_app.forecasting.errors import OutOfMemory
from runs_app.forecasting.network.forecaster import Forecaster
from runs_app.forecasting.training.memory import free_bytes

if TYPE_CHECKING:
    from runs_app.forecasting.config.schema import RunConfig
    from runs_app.forecasting.data.prepare import PreparedData

GIB = 1024**3


class Need(NamedTuple):
    """Bytes that training takes at least."""

    parameters: int
    """Number of trainable numbers."""
    network: int
    per_row: int
    """For each decision of a batch."""


def need_of(config: RunConfig, features: list[int]) -> Need:
    """Of a configuration; ``features`` is their number in each timeframe. Allocates nothing."""
    with torch.device("meta"):
        network = Forecaster(config.model, config.loss.kind, features=features)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return Need(parameters, training_bytes(parameters), bytes_per_window(config, features))


def refuse_what_cannot_fit(
    config: RunConfig, data: PreparedData, device: torch.device, *, processes: int = 1
) -> None:
    """Raises ``OutOfMemory`` with the field to change where memory cannot be enough.

    ``processes`` share the memory of ``device``.
    """
    need = need_of(config, [len(names) for names in data.feature_names])
    free = free_bytes(device) // processes
    where = "this GPU" if device.type == "cuda" else "this machine"
    if need.network > free:
        raise OutOfMemory(
            f"The network has {counted(need.parameters, 'parameter')}, which take at least "
            f"{need.network / GIB:.1f} GiB to train, and {where} has {free / GIB:.1f} GiB free. "
            "Lower model.d_model or model.layers, or choose a smaller preset.",
            field="model.d_model",
            asked_bytes=need.network,
            free_bytes=free,
        )
    rows = min(config.train.batch_size, len(data.splits["train"]))
    asked = need.network + rows * need.per_row
    if asked > free:
        most = max(1, (free - need.network) // need.per_row)
        raise OutOfMemory(
            f"A batch of {counted(rows, 'window')} takes at least {asked / GIB:.1f} GiB to "
            f"train, network included, and {where} has {free / GIB:.1f} GiB free. Lower "
            f"train.batch_size (at most {most:,} fit), model.d_model or model.context_bars, or "
            "choose a smaller preset.",
            field="train.batch_size",
            asked_bytes=asked,
            free_bytes=free,
        )
