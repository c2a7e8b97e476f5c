"""Across timeframes: their summaries look at each other and become one state per decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import gelu

from runs_app.forecasting.config.half_lives import HALF_LIVES_BARS
from runs_app.forecasting.network.attention import EncoderLayer
from runs_app.forecasting.network.initialisation import PROJECTION_STD, start_fan_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from runs_app.forecasting.config.schema import ModelConfig


class NewestBars(nn.Module):
    """The last closed bar of each timeframe, past the encoders: volatility must not be blurred."""

    def __init__(self, config: ModelConfig, *, features: int) -> None:
        super().__init__()
        inputs = features + len(HALF_LIVES_BARS)
        self.expand = start_fan_in(nn.Linear(inputs, config.d_model))
        self.mix = start_fan_in(nn.Linear(config.d_model, config.d_model))

    def forward(self, windows: Sequence[Tensor], log_volatility: Tensor) -> Tensor:
        """S windows [B, L, F] and [B, K] logs of the causal volatilities -> [B, D]."""
        newest = [window[:, -1] for window in windows]
        joined = torch.cat([*newest, log_volatility], dim=-1)  # [B, sum of F + K]
        mixed: Tensor = self.mix(gelu(self.expand(joined)))
        return mixed


class TimeframeFusion(nn.Module):
    """One encoder layer over the timeframe summaries, the newest bars and a read-out token."""

    def __init__(self, config: ModelConfig, *, timeframes: int) -> None:
        super().__init__()
        self.readout = nn.Parameter(torch.empty(config.d_model))
        self.place = nn.Parameter(torch.empty(timeframes + 1, config.d_model))
        nn.init.trunc_normal_(self.readout, std=PROJECTION_STD)
        nn.init.trunc_normal_(self.place, std=PROJECTION_STD)
        self.layer = EncoderLayer(
            d_model=config.d_model, heads=config.heads, dropout=config.dropout, depth=1
        )
        self.norm = nn.LayerNorm(2 * config.d_model)

    def forward(self, summaries: Sequence[Tensor], newest: Tensor) -> Tensor:
        """S summaries [B, D] and the newest bars [B, D] -> [B, 2 D]."""
        tokens = torch.stack([*summaries, newest], dim=1) + self.place  # [B, S + 1, D]
        readout = self.readout.expand(tokens.shape[0], 1, -1).to(tokens.dtype)  # [B, 1, D]
        mixed = self.layer(torch.cat([readout, tokens], dim=1))[:, 0]  # [B, D]
        state: Tensor = self.norm(torch.cat([mixed, newest], dim=-1))
        return state
