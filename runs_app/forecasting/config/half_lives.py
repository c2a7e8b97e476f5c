"""Over which memories volatility is averaged: the inputs' columns and the network's width."""

from __future__ import annotations

HALF_LIVES_BARS: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Half-lives, in decision bars, of the EWMA variances from which a forecast's scale is mixed.

In steps of two, from one bar to the longest that ``WARMUP_BARS`` returns can carry: a GARCH(1,1)
of any persistence between is then a mixture of two neighbours and a constant, within a per cent.
"""

REGIME_HALF_LIFE_BARS = 16.0
"""The one of them by which decisions are called calm or wild in a report."""
