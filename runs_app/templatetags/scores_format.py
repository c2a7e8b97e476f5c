"""How scores, skills and tests are written on pages: with a unit, a sign, sane digits."""

from __future__ import annotations

import math
from typing import Any

from django import template

from runs_app.judgement import SCORES
from runs_app.templatetags.runs_format import ABSENT, as_float, not_finite, sci, sig

register = template.Library()


@register.simple_tag
def score(value: Any, name: str) -> str:
    """A mean score with its unit: bp is a hundredth of a per cent of log-return, NLL is in nats."""
    number = as_float(value)
    if number is None:
        return ABSENT
    if name.endswith("nll"):
        return f"{sig(number)} nats"
    return f"{sci(number)}" if name == "squared_error" else f"{sig(1e4 * number)} bp"


@register.simple_tag
def skill(value: Any, name: str) -> str:
    """A skill with its sign: per cent of the baseline's score, or nats where the score is a NLL."""
    number = as_float(value)
    if number is None:
        return ABSENT
    if not math.isfinite(number):
        return not_finite(number)
    digits, factor = (4, 1) if name.endswith("nll") else (2, 100)
    return f"{_signed(factor * number, digits)} {skill_unit(name)}"


def _signed(number: float, digits: int) -> str:
    """With its sign, but for what is written as zero."""
    text = f"{number:+,.{digits}f}".replace("-", "−")
    return text if text.strip("+−0.,") else text[1:]


@register.filter
def p_value(value: Any) -> str:
    """A p-value or another probability, three decimals; very small ones as a bound."""
    number = as_float(value)
    if number is None or not math.isfinite(number):
        return ABSENT
    return "< 0.0001" if number < 1e-4 else f"{number:.4f}" if number < 0.01 else f"{number:.3f}"


@register.filter
def growth(value: Any) -> str:
    """A log-return as the return it is, in per cent with its sign and without the unit."""
    number = as_float(value)
    if number is None:
        return ABSENT
    if not math.isfinite(number):
        return not_finite(number)
    return _signed(100 * math.expm1(number), 2)


@register.filter
def bp(value: Any) -> str:
    """A log-return in basis points with its sign, without the unit."""
    number = as_float(value)
    return ABSENT if number is None else str(difference(1e4 * number))


@register.filter
def unchanged(factors: list[float]) -> bool:
    """True where multiplying by any of the factors changes nothing."""
    return all(factor == 1 for factor in factors)


@register.filter
def times(value: Any, factor: float) -> float | None:
    """The number in another unit; None where there is none."""
    number = as_float(value)
    return None if number is None else number * factor


@register.filter
def difference(value: Any) -> str:
    """A difference with its sign, three digits."""
    number = as_float(value)
    if number is None:
        return ABSENT
    return f"+{sig(number, 3)}" if number > 0 else sig(number, 3)


@register.simple_tag
def bare_skill(value: Any, name: str) -> str:
    """A skill with its sign and without its unit, which stands in another column."""
    return str(skill(value, name)).removesuffix(" nats").removesuffix(" %")


@register.simple_tag
def skill_unit(name: str) -> str:
    """The unit of a skill by this score."""
    return "nats" if name.endswith("nll") else "%"


@register.simple_tag
def spread(value: Any, name: str) -> str:
    """A standard deviation of skills, without sign and unit."""
    return str(bare_skill(value, name)).lstrip("+")


@register.filter
def score_name(name: str) -> str:
    """A score in words."""
    return SCORES.get(name, name)
