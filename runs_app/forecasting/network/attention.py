"""The pre-norm transformer layer, and attention pooling."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from runs_app.forecasting.network.initialisation import PROJECTION_STD, start_fan_in, start_linear

if TYPE_CHECKING:
    from torch import Tensor

FEED_FORWARD_FACTOR = 4


class SelfAttention(nn.Module):
    """Multi-head attention of every token to every token; ``depth`` is the stack's layer count."""

    def __init__(self, *, d_model: int, heads: int, dropout: float, depth: int) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.query_key_value = start_fan_in(nn.Linear(d_model, 3 * d_model))
        # Each layer adds two terms to the residual stream; this keeps their sum's size.
        self.output = start_linear(
            nn.Linear(d_model, d_model), std=PROJECTION_STD / math.sqrt(2 * depth)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """[B, P, D] -> [B, P, D]."""
        batch, count, width = tokens.shape
        split = self.query_key_value(tokens).view(batch, count, 3, self.heads, -1)
        query, key, value = split.permute(2, 0, 3, 1, 4).unbind(0)  # each [B, H, P, D/H]
        mixed = scaled_dot_product_attention(
            query, key, value, dropout_p=self.dropout if self.training else 0.0
        )
        output: Tensor = self.output(mixed.transpose(1, 2).reshape(batch, count, width))
        return output  # [B, P, D]


class EncoderLayer(nn.Module):
    """Attention and a feed-forward part, each after a norm and added to its input."""

    def __init__(self, *, d_model: int, heads: int, dropout: float, depth: int) -> None:
        super().__init__()
        hidden = FEED_FORWARD_FACTOR * d_model
        self.attention_norm = nn.LayerNorm(d_model)
        self.attention = SelfAttention(d_model=d_model, heads=heads, dropout=dropout, depth=depth)
        self.feed_norm = nn.LayerNorm(d_model)
        self.expand = start_fan_in(nn.Linear(d_model, hidden))
        self.contract = start_linear(
            nn.Linear(hidden, d_model), std=PROJECTION_STD / math.sqrt(2 * depth)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """[B, P, D] -> [B, P, D]."""
        tokens = tokens + self.dropout(self.attention(self.attention_norm(tokens)))
        widened = gelu(self.expand(self.feed_norm(tokens)))  # [B, P, 4 D]
        output: Tensor = tokens + self.dropout(self.contract(widened))
        return output  # [B, P, D]


class AttentionPooling(nn.Module):
    """Weighted mean of tokens; a learnt query says how much each counts, at first all alike."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(d_model)
        self.query = nn.Parameter(torch.zeros(d_model))

    def forward(self, tokens: Tensor) -> Tensor:
        """[B, P, D] -> [B, D]."""
        tokens = self.norm(tokens)
        weights = torch.softmax((tokens @ self.query).float(), dim=-1)  # [B, P]
        pooled = weights.to(tokens.dtype).unsqueeze(1) @ tokens  # [B, 1, D]
        return pooled.squeeze(1)
