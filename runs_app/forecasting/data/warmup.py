"""How many bars a timeframe needs before its features are trusted. Imports nothing heavy."""

from __future__ import annotations

WARMUP_BARS = 160
"""Bars at the start of each timeframe whose features are not used.

The slowest recursive indicators, RSI and ATR (14 bars, smoothing 1/14) and MACD (26 bars, smoothing
2/27, after 33 bars of its own start), have by then less than 0.01 % of their start left, so that a
feature does not depend on where the file begins.
"""

VOLATILITY_BARS = WARMUP_BARS - 1
"""Returns in a volatility. One fewer than the warm-up, because the first usable bar compares its
return with the volatility known one bar before it.
"""
