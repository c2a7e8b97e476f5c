"""Figures as they stand in sentences for people."""

from __future__ import annotations

SCORES: dict[str, str] = {
    "crps": "CRPS",
    "nll": "NLL",
    "pinball": "pinball loss",
    "squared_error": "squared error",
}
"""Scores by key; lower is better."""

_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_ARTICLE = {
    "random_walk": "the random walk",
    "constant": "the constant mean and variance",
    "ewma": "the EWMA volatility",
    "garch": "GARCH(1,1)-t",
}


def baseline_words(key: str) -> str:
    """A baseline inside a sentence: ``the random walk``."""
    return _ARTICLE.get(key, key)


def p_words(p_value: float) -> str:
    """``p = 0.0003``, ``p = 0.42``; never a probability of exactly zero or one."""
    if p_value < 1e-4:
        return "p < 0.0001"
    if p_value > 0.99:
        return "p > 0.99"
    return f"p = {p_value:.4f}" if p_value < 0.01 else f"p = {p_value:.2f}"


def count_words(count: int) -> str:
    """Small counts as words, others as digits."""
    return _COUNTS[count] if 0 <= count < len(_COUNTS) else f"{count:,}"


def percent(share: float, *, like: float | None = None) -> str:
    """A share in percent without the sign: ``1.8``; small ones get more decimals.

    ``like`` is the share whose decimals are taken, so that the ends of an interval look alike.
    """
    return f"{100.0 * share:,.{_decimals(share if like is None else like)}f}"


def signed(number: float, digits: int) -> str:
    """A number with plus or minus: ``−0.40``; without either where nothing but zeros is left."""
    text = f"{number:+.{digits}f}".replace("-", "−")
    return text if text.strip("+−0.") else text[1:]


def signed_percent(share: float) -> str:
    """A share in percent with plus or minus and two decimals, and no more: ``−0.40``."""
    return signed(100.0 * share, 2)


def _decimals(share: float) -> int:
    size = abs(share)
    if size >= 0.01:
        return 1
    return next((more for more in range(2, 7) if size >= 10.0 ** -(more + 1)), 3)


def joined(words: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
