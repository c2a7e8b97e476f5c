"""One timeframe: bars to patches, patches to one summary vector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from runs_app.forecasting.network.attention import AttentionPooling, EncoderLayer
from runs_app.forecasting.network.initialisation import PROJECTION_STD, start_fan_in

if TYPE_CHECKING:
    from torch import Tensor

    from runs_app.forecasting.config.schema import ModelConfig


class PatchEmbedding(nn.Module):
    """Neighbouring bars become one token; patches are laid from the newest bar backwards."""

    def __init__(self, config: ModelConfig, *, features: int) -> None:
        super().__init__()
        self.length = config.patch_length
        self.stride = config.patch_stride
        spare = config.context_bars - config.patch_length
        self.patches = spare // config.patch_stride + 1
        # Bars that fill no whole patch are left out at the old end, never at the new one.
        self.skipped = spare % config.patch_stride
        self.project = start_fan_in(nn.Linear(features * config.patch_length, config.d_model))
        self.position = nn.Parameter(torch.empty(self.patches, config.d_model))
        nn.init.trunc_normal_(self.position, std=PROJECTION_STD)

    def forward(self, window: Tensor) -> Tensor:
        """[B, L, F] oldest bar first -> [B, P, D] oldest patch first."""
        bars = window[:, self.skipped :]
        if self.stride == self.length:
            patches = bars.reshape(bars.shape[0], self.patches, -1)  # [B, P, length * F]
        else:
            unfolded = bars.unfold(1, self.length, self.stride)  # [B, P, F, length]
            patches = unfolded.transpose(2, 3).flatten(2)  # [B, P, length * F]
        tokens: Tensor = self.project(patches)
        return tokens + self.position


class TimeframeEncoder(nn.Module):
    """Pre-norm transformer over the patches of one timeframe."""

    def __init__(self, config: ModelConfig, *, features: int) -> None:
        super().__init__()
        self.embedding = PatchEmbedding(config, features=features)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(
            EncoderLayer(
                d_model=config.d_model,
                heads=config.heads,
                dropout=config.dropout,
                depth=config.layers,
            )
            for _ in range(config.layers)
        )
        self.pooling = AttentionPooling(config.d_model)

    def forward(self, window: Tensor) -> Tensor:
        """[B, L, F] -> [B, D]."""
        tokens = self.dropout(self.embedding(window))  # [B, P, D]
        for layer in self.layers:
            tokens = layer(tokens)
        pooled: Tensor = self.pooling(tokens)
        return pooled
