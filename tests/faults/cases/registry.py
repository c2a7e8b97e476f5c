"""The cases by name."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.laboratory import Laboratory

Function = Callable[["Scene"], None]

BOTH = ("sqlite", "postgres")


@dataclass(frozen=True)
class Scene:
    """What a case works with; ``full`` where it may take minutes."""

    laboratory: Laboratory
    dice: random.Random
    full: bool

    def often(self, full: int, short: int) -> int:
        """How often something is repeated."""
        return full if self.full else short


@dataclass(frozen=True)
class Case:
    """One fault, shown to have happened, and what must hold after it."""

    name: str
    function: Function
    databases: tuple[str, ...]

    @property
    def words(self) -> str:
        """The first line of its docstring."""
        return (self.function.__doc__ or "").partition("\n")[0]


CASES: dict[str, Case] = {}


def case(*databases: str) -> Callable[[Function], Function]:
    """Register a case, for both databases unless they are named."""

    def register(function: Function) -> Function:
        name = function.__name__.replace("_", "-")
        CASES[name] = Case(name, function, databases or BOTH)
        return function

    return register
