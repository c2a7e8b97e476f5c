"""What a bench measured, printed beside its budget."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

WITHIN, OVER = "within", "OVER BUDGET"


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
        return WITHIN if holds else OVER


@dataclass(frozen=True)
class Row:
    """Figures of one thing side by side; their names head the columns."""

    name: str
    figures: tuple[Figure, ...]

    @property
    def verdict(self) -> str:
        """Whether all budgets hold, and else which do not; empty without a budget."""
        told = [figure for figure in self.figures if figure.budget is not None]
        over = [figure.name for figure in told if figure.verdict != WITHIN]
        return f"{OVER}: {', '.join(over)}" if over else WITHIN if told else ""


def print_figures(figures: Iterable[Figure | Row]) -> None:
    """One line a figure: name, value, unit, budget, verdict; rows under the names of theirs."""
    heads: tuple[str, ...] = ()
    for figure in figures:
        if isinstance(figure, Row):
            names = tuple(one.name for one in figure.figures)
            if names != heads[: len(names)]:
                heads = names
                print(f"  {'':<28}" + "".join(f"{name:>15}" for name in names), flush=True)
            cells = "".join(f"{_cell(one):>15}" for one in figure.figures)
            room = " " * 15 * (len(heads) - len(names))
            print(f"  {figure.name:<28}{cells}{room}   {figure.verdict}".rstrip(), flush=True)
            continue
        budget = "" if figure.budget is None else f"{_sign(figure)} {figure.budget:g} {figure.unit}"
        value = f"{figure.value:,.4g} {figure.unit}"
        print(f"  {figure.name:<44} {value:>16}   {budget:<14} {figure.verdict}", flush=True)


def _cell(figure: Figure) -> str:
    budget = "" if figure.budget is None else f" {_sign(figure)} {figure.budget:g}"
    value = f"{figure.value:,.0f}" if figure.value >= 100 else f"{figure.value:.3g}"
    return f"{value}{budget} {figure.unit}".rstrip()


def _sign(figure: Figure) -> str:
    return ">" if figure.at_least else "<"
