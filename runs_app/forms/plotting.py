"""Numbers to places in an SVG picture that is stretched to its width; its words stand around it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 1000.0, 100.0
"""Units of every picture's view box; the page's style gives it its real size."""


@dataclass(frozen=True)
class Scale:
    """Where a pair of numbers lies; equal ends of a range put everything in the middle."""

    left: float
    right: float
    low: float
    high: float

    def x(self, value: float) -> float:
        """From the left, 0 to ``WIDTH`` inside the range."""
        return round(WIDTH * _share(value, self.left, self.right), 1)

    def y(self, value: float) -> float:
        """From the top."""
        return round(HEIGHT * (1.0 - _share(value, self.low, self.high)), 2)

    def line(self, points: Iterable[tuple[float, float | None]]) -> str:
        """A path through the points; one without a value leaves a gap."""
        parts, pen = [], "M"
        for at, value in points:
            if value is None:
                pen = "M"
                continue
            parts.append(f"{pen}{self.x(at)} {self.y(value)}")
            pen = "L"
        return "".join(parts)

    def area(
        self, lower: Sequence[tuple[float, float]], upper: Sequence[tuple[float, float]]
    ) -> str:
        """A closed path between two lines."""
        return self.line([*upper, *reversed(lower)]) + "Z" if upper else ""


@dataclass(frozen=True)
class Box:
    """A rectangle of a picture."""

    css: str
    x: float
    y: float
    width: float
    height: float


def box(scale: Scale, css: str, left: float, right: float, low: float, high: float) -> Box:
    """The rectangle between two instants and two values, at least a hair wide."""
    x, top = scale.x(left), scale.y(high)
    return Box(
        css, x, top, max(round(scale.x(right) - x, 1), 1.0), max(round(scale.y(low) - top, 2), 0.5)
    )


def padded(low: float, high: float, share: float = 0.05) -> tuple[float, float]:
    """A range with a margin on both sides."""
    margin = (high - low) * share or abs(high) * share or 1.0
    return low - margin, high + margin


def evenly(values: Sequence[float | None], digits: int = 3) -> list[str]:
    """Numbers that stand side by side, with the same decimals: ``digits`` for the largest.

    A dash for None; what is written as zero has no sign.
    """
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    before = math.floor(math.log10(largest)) + 1 if largest else 1
    decimals = max(digits - before, 0)
    return ["–" if value is None else _signless_zero(f"{value:,.{decimals}f}") for value in values]


def _signless_zero(text: str) -> str:
    return text.replace("-", "−" if text.strip("-0.,") else "")


def _share(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5
