"""What each input of the network is, for people: a title, the unit of the raw value, a sentence.

Keys are the names of ``data/features``. Imports nothing heavy, so that pages can say it.
"""

from __future__ import annotations

from typing import NamedTuple


class InputWords(NamedTuple):
    """``unit``: what the shown number counts (``log``: a natural one); ``help``: how it is made."""

    title: str
    unit: str
    help: str
    factor: float = 1.0
    """From the raw value to the shown number."""


BASIS_POINTS = 1e4
LOG = "log"
SHARE = "−1 to 1"


def _volatility(bars: int) -> InputWords:
    return InputWords(
        f"Volatility, half-life {bars} bars",
        LOG,
        f"Log of the exponentially weighted deviation of the returns; a return counts half after "
        f"{bars} bars.",
    )


def _on_circle(what: str, wave: str) -> InputWords:
    return InputWords(
        f"{what}, {wave}", SHARE, f"{what} of the bar's close (UTC) as a point on a circle."
    )


INPUTS: dict[str, InputWords] = {
    "log_return": InputWords(
        "Log-return", "bp", "From the close before to this bar's close.", BASIS_POINTS
    ),
    "log_volatility_5": _volatility(5),
    "log_volatility_20": _volatility(20),
    "log_volatility_60": _volatility(60),
    "return_over_volatility": InputWords(
        "Return over volatility",
        "deviations",
        "The bar's return in units of the volatility (half-life 20 bars) known before it.",
    ),
    "log_range": InputWords(
        "Range", LOG, "Log of the log-distance from the bar's low to its high."
    ),
    "close_in_range": InputWords(
        "Close in range", SHARE, "Where the close stands between low (−1) and high (1)."
    ),
    "log_rolling_volatility": InputWords(
        "Volatility, 20 bars",
        LOG,
        "Log of the deviation of the last 20 returns, all counted alike.",
    ),
    "log_relative_volume": InputWords(
        "Relative volume", LOG, "Log of the volume over its mean of the last 60 bars."
    ),
    "rsi": InputWords("RSI (14)", SHARE, "Relative strength index, 50 mapped to 0."),
    "macd": InputWords("MACD (12, 26)", "ATRs", "Fast less slow average of the close."),
    "macd_histogram": InputWords(
        "MACD histogram (9)", "ATRs", "The MACD less its own average of 9 bars."
    ),
    "log_atr": InputWords("ATR (14)", LOG, "Log of the average true range over the price."),
    "bb_position": InputWords(
        "Bollinger position (20, 2)", "half-widths", "The close between the bands at −1 and 1."
    ),
    "bb_log_width": InputWords(
        "Bollinger width (20, 2)",
        LOG,
        "Log of the distance of the bands over their middle.",
    ),
    "ema": InputWords(
        "Price over EMA (20)", "bp", "Log of the close over its average of 20 bars.", BASIS_POINTS
    ),
    "sma_20": InputWords(
        "Price over SMA (20)",
        "bp",
        "Log of the close over a mean of 20 bars.",
        BASIS_POINTS,
    ),
    "sma_50": InputWords(
        "Price over SMA (50)",
        "bp",
        "Log of the close over a mean of 50 bars.",
        BASIS_POINTS,
    ),
    "obv": InputWords(
        "On-balance volume (20)",
        SHARE,
        "Change of the on-balance volume over 20 bars as a share of their volume.",
    ),
    "hour_sin": _on_circle("Hour of the day", "sine"),
    "hour_cos": _on_circle("Hour of the day", "cosine"),
    "weekday_sin": _on_circle("Day of the week", "sine"),
    "weekday_cos": _on_circle("Day of the week", "cosine"),
}


def words_of(name: str) -> InputWords:
    """The words of an input; of one without any, its name."""
    return INPUTS.get(name) or InputWords(name.replace("_", " "), "", "")
