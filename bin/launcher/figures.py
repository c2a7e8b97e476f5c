"""What a bench measured, printed beside its budget."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured number; ``budget`` is the most it may be, or the least where ``at_least``."""

    name: str
    value: float
    unit: str
    budget: float | None = None
    at_least: bool = False

    @property
    def verdict(self) -> str:
        """Whether the budget holds, in two words at most; empty without a budget."""
        if self.budget is None:
            return ""
        holds = self.value >= self.budget if self.at_least else self.value <= self.budget
        return "within" if holds else "OVER BUDGET"


def print_figures(figures: Iterable[Figure]) -> None:
    """One line a figure: name, value, unit, budget, verdict."""
    for figure in figures:
        sign = ">" if figure.at_least else "<"
        budget = "" if figure.budget is None else f"{sign} {figure.budget:g} {figure.unit}"
        value = f"{figure.value:,.4g} {figure.unit}"
        print(f"  {figure.name:<44} {value:>16}   {budget:<14} {figure.verdict}", flush=True)
