"""The input windows of a batch, one gather per timeframe from resident tensors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def gather(
    features: Sequence[Tensor], last_bar: Sequence[Tensor], index: Tensor, context_bars: int
) -> list[Tensor]:
    """The last ``context_bars`` closed bars of each timeframe at the chosen decisions.

    ``features``: per timeframe [bars_s, F_s], contiguous; ``last_bar``: per timeframe int64 [N],
    the last bar visible at each decision; ``index``: int64 [B] into the decisions, on the same
    device. Returns per timeframe a tensor of its own, [B, L, F_s], oldest bar first.
    """
    windows = []
    for values, last in zip(features, last_bar, strict=True):
        bars, width = values.shape
        # Every window is a row of one strided view, [bars - L + 1, L * F]; rows overlap, no copy.
        rows = values.as_strided((bars - context_bars + 1, context_bars * width), (width, 1))
        first = last.index_select(0, index) - (context_bars - 1)
        if values.device.type == "cpu":
            # NumPy copies on this thread; torch would wake its pool for a few microseconds' work,
            # which costs a thousand times as much where cores are shared.
            batch = torch.from_numpy(rows.numpy()[first.numpy()])
        else:
            batch = rows.index_select(0, first)
        windows.append(batch.view(-1, context_bars, width))  # [B, L, F]
    return windows


def feature_tensor(values: Tensor) -> Tensor:
    """Bring features [bars, F] into the layout ``gather`` needs."""
    return values.to(torch.float32).contiguous()
