"""The network: windows of every timeframe in, a forecast out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from runs_app.forecasting.losses.forecast import Forecast
from runs_app.forecasting.network.encoder import TimeframeEncoder
from runs_app.forecasting.network.fusion import NewestBars, TimeframeFusion
from runs_app.forecasting.network.heads import DISTRIBUTION_HEADS, DirectionHead, Distribution
from runs_app.forecasting.network.volatility import VolatilityMixture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from runs_app.forecasting.config.schema import LossKind, ModelConfig


class Forecaster(nn.Module):
    """One encoder per timeframe, fusion across them, a distribution head and two directions.

    ``features`` has one number of features per timeframe, shortest timeframe first.
    """

    def __init__(self, config: ModelConfig, kind: LossKind, *, features: Sequence[int]) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(
            TimeframeEncoder(config, features=count) for count in features
        )
        self.volatility = VolatilityMixture()
        self.newest = NewestBars(config, features=sum(features))
        self.fusion = TimeframeFusion(config, timeframes=len(features))
        self.dropout = nn.Dropout(config.dropout)
        width = 2 * config.d_model
        self.distribution = DISTRIBUTION_HEADS[kind](width)
        self.short = DirectionHead(width)
        self.long = DirectionHead(width)

    def forward(self, windows: Sequence[Tensor], log_volatility: Tensor) -> Forecast:
        """S windows [B, L, F], scaled, and [B, K] logs of standardised volatilities -> forecast."""
        state = self._state(windows, log_volatility)
        with torch.autocast(device_type=state.device.type, enabled=False):
            state = state.float()
            distribution: Distribution = self.distribution(state, self.volatility(log_volatility))
            return Forecast(*distribution, self.short(state), self.long(state))

    def corrections(
        self, windows: Sequence[Tensor], log_volatility: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The distribution head's corrections in full [B, outputs], and log volatility [B]."""
        state = self._state(windows, log_volatility)
        with torch.autocast(device_type=state.device.type, enabled=False):
            return self.distribution.project(state.float()), self.volatility(log_volatility)

    def _state(self, windows: Sequence[Tensor], log_volatility: Tensor) -> Tensor:
        summaries = [
            encoder(window) for encoder, window in zip(self.encoders, windows, strict=True)
        ]  # S of [B, D]
        state = self.fusion(summaries, self.newest(windows, log_volatility))  # [B, 2 D]
        dropped: Tensor = self.dropout(state)
        return dropped
