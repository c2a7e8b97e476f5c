"""A count with its noun: ``1 run``, ``2 runs``. Pages, messages and the core's log say it so."""

from __future__ import annotations


def counted(number: float, one: str, many: str = "") -> str:
    """The whole number, thousands separated, with the noun in the singular for 1 alone.

    ``many`` is the plural where it is not made with an s, or where the number changes further
    words: ``counted(1, "row is", "rows are")``. A noun ending in a consonant and y needs none.
    """
    return f"{number:,.0f} {noun(number, one, many)}"


def noun(number: float, one: str, many: str = "") -> str:
    """The noun alone, where the number stands elsewhere or is not said."""
    if number == 1:
        return one
    if many:
        return many
    return f"{one[:-1]}ies" if one[-1] == "y" and one[-2:-1] not in "aeiou" else f"{one}s"
