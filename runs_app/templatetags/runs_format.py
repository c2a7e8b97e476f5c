"""How numbers, sizes, times and icons are written on pages: four significant digits, units, UTC."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from runs_app.forecasting import counted as words_of_counts
from runs_app.forecasting.sentence import sentence
from runs_app.log_lines import LogLine
from runs_app.models import TrainingRun
from runs_app.retention import kept_until

register = template.Library()
register.filter(sentence)

ABSENT = "–"
MOST_DECIMALS = 12
"""Of a price; some tokens cost less than a billionth of a dollar."""
_UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def as_float(value: Any) -> float | None:
    """The number in a value that may be a number, one of JSON's non-finite words, or nothing."""
    if value is None or value == "" or isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def not_finite(number: float) -> str:
    return "NaN" if math.isnan(number) else "∞" if number > 0 else "−∞"


@register.filter
def figure(run: TrainingRun, name: str) -> Any:
    """A column of the run, or the NaN or infinity that the column cannot hold."""
    value = getattr(run, name)
    return run.metrics.get(name) if value is None else value


@register.filter
def sig(value: Any, digits: int = 4) -> str:
    """A number with four significant digits; scientific where it is very large or very small."""
    number = as_float(value)
    if number is None:
        return ABSENT
    if not math.isfinite(number):
        return not_finite(number)
    if number == 0:
        return "0"
    if not 1e-4 <= abs(number) < 1e5:
        text = f"{number:.{digits - 1}e}"
    else:
        text = f"{number:#.{digits}g}"
        if text.endswith(".") or "e" in text:
            text = f"{number:,.0f}"
    return text.replace("-", "−")


@register.filter
def sci(value: Any) -> str:
    """A number in scientific notation with two decimals, such as ``2.00e−4``."""
    number = as_float(value)
    if number is None:
        return ABSENT
    if not math.isfinite(number):
        return not_finite(number)
    mantissa, exponent = f"{number:.2e}".split("e")
    return f"{mantissa}e{int(exponent)}".replace("-", "−")


@register.filter
def percent(value: Any, digits: int = 1) -> str:
    """A share (0 to 1) as per cent, without the sign."""
    number = as_float(value)
    if number is None:
        return ABSENT
    return f"{100 * number:.{digits}f}" if math.isfinite(number) else not_finite(number)


@register.filter
def whole(value: Any) -> str:
    """A whole number with thousands separated, exact however large."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    number = as_float(value)
    if number is None:
        return ABSENT
    return f"{number:,.0f}" if math.isfinite(number) else not_finite(number)


@register.filter
def price(value: Any, beside: float = 0.0) -> str:
    """A price: thousands separated, six significant digits, at least cents, never an exponent.

    It has the decimals of a larger price that stands ``beside`` it.
    """
    number = as_float(value)
    if number is None:
        return ABSENT
    if not math.isfinite(number):
        return not_finite(number)
    largest = max(abs(number), abs(beside))
    before = math.floor(math.log10(largest)) + 1 if largest else 1
    decimals = min(max(6 - before, 2), MOST_DECIMALS)
    return f"{number:,.{decimals}f}".replace("-", "−")


@register.filter
def counted(value: Any, nouns: str) -> str:
    """A count with its noun, ``{{ n|counted:"run" }}``; an odd plural follows a comma."""
    number = as_float(value)
    if number is None:
        return f"{ABSENT} {noun(0, nouns)}"
    return words_of_counts.counted(number, *nouns.split(","))


@register.filter
def noun(value: Any, nouns: str) -> str:
    """The noun of a count that stands elsewhere, in the singular for 1."""
    return words_of_counts.noun(as_float(value) or 0, *nouns.split(","))


@register.filter
def size(value: Any) -> str:
    """Bytes in a decimal unit with three digits, such as ``12.3 MB``."""
    number = as_float(value)
    if number is None:
        return ABSENT
    for unit in ("B", "kB", "MB", "GB"):
        if number < 999.5:
            return (
                f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.3g} {unit}"
            )
        number /= 1000
    return f"{number:,.3g} TB"


@register.filter
def mebibytes(value: Any) -> str:
    """A reading of the machine, in 1,048,576 bytes, as ``size`` writes bytes."""
    number = as_float(value)
    return ABSENT if number is None else size(number * 1024 * 1024)


@register.filter
def unbroken(label: str) -> SafeString | str:
    """A forecaster's name that does not break at its hyphen: ``GARCH(1,1)-t`` is one word."""
    return format_html('<span class="nowrap">{}</span>', label) if "-" in label else label


@register.filter
def duration(value: Any) -> str:
    """Seconds as the two largest units, such as ``2 h 5 min``; below one ``0.4 s``, ``0.03 s``."""
    seconds = as_float(value)
    if seconds is None or not math.isfinite(seconds):
        return ABSENT
    if seconds < 1:
        return f"{max(seconds, 0):.{1 if seconds >= 0.095 or seconds < 0.005 else 2}f} s"
    left = round(seconds)
    for index, (unit, length) in enumerate(_UNITS):
        if left >= length:
            first, left = divmod(left, length)
            if index + 1 == len(_UNITS):
                return f"{first} {unit}"
            smaller, smaller_length = _UNITS[index + 1]
            second = left // smaller_length
            return f"{first} {unit} {second} {smaller}" if second else f"{first} {unit}"
    return "0 s"


@register.filter
def minutes(value: Any) -> str:
    """Seconds as minutes with one decimal, the unit of the ETA."""
    seconds = as_float(value)
    return ABSENT if seconds is None or not math.isfinite(seconds) else f"{seconds / 60:.1f}"


@register.filter
def utc(value: datetime | None, form: str = "%Y-%m-%d %H:%M") -> SafeString | str:
    """An instant in UTC, to the minute, as a ``time`` element; its title has it to the second.

    ``static/js/times.js`` adds the local time where it is pointed at.
    """
    if value is None:
        return ABSENT
    return _instant(value, value.strftime(form))


register.filter("kept_until", kept_until)


@register.filter
def ago(value: datetime | None, expected_seconds: float | None = None) -> SafeString | str:
    """An instant as a ``time`` element: how long ago, with the instant in UTC as its title.

    The text is kept current by ``static/js/times.js``, which also marks it as late where it is
    older than ``expected_seconds``.
    """
    if value is None:
        return ABSENT
    seconds = max((timezone.now() - value).total_seconds(), 0)
    more = [SafeString(" data-ago")]
    if expected_seconds:
        more.append(format_html(' data-expected="{}"', int(expected_seconds)))
        more += [SafeString(' class="late"')] * (seconds > expected_seconds)
    return _instant(value, ago_text(seconds), SafeString("".join(more)))


def _instant(value: datetime, text: str, more: str = "") -> SafeString:
    return format_html(
        '<time datetime="{}" title="{} UTC"{}>{}</time>',
        value.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        value.strftime("%Y-%m-%d %H:%M:%S"),
        more,
        text,
    )


def ago_text(seconds: float) -> str:
    """Seconds since an instant in words: ``just now``, ``12 s ago``, ``3 min ago``, ``2 d ago``."""
    if seconds < 2:
        return "just now"
    for unit, length in _UNITS:
        if seconds >= length:
            return f"{int(seconds // length)} {unit} ago"
    return "just now"


@register.simple_tag
def console_lines(lines: Sequence[LogLine]) -> SafeString:
    """An element for each console line. Not a loop of the template: a flood is many, for many."""
    texts = escape("\n".join(line.text for line in lines)).split("\n") if lines else []
    return SafeString(
        "".join(
            f'<div class="log-line{f" log-{line.level}" if line.level else ""}" '
            f'data-seq="{line.seq}" data-place="{line.place}" '
            f'data-line="{line.attempt}.{line.line}">{text}</div>'
            for line, text in zip(lines, texts, strict=True)
        )
    )


@register.filter
def file_cell(value: Any) -> str:
    """A value out of a file: five significant digits, times in UTC, truth in JSON's words."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.5g}" if value else "0"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return ABSENT if value is None else str(value)


@register.filter
def setting(value: Any) -> str:
    """A value of a configuration in words."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)


@register.simple_tag
@cache  # a page of the queue has hundreds of them
def icon(name: str, css: str = "") -> SafeString:
    """One of the product's own icons, as decoration (hidden from assistive technology)."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>',
        css,
        static("img/icons.svg"),
        name,
    )


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: Any) -> str:
    """The current query string with some keys replaced; a key set to nothing is left out."""
    params = context["request"].GET.copy()
    for key, value in changes.items():
        if value in (None, ""):
            params.pop(key, None)
        else:
            params[key] = str(value)
    text = params.urlencode()
    return f"?{text}" if text else "?"


@register.filter
def words(key: str) -> str:
    """A key as words: ``shuffled_labels`` is ``shuffled labels``."""
    return key.replace("_", " ")


@register.filter
def prose(text: str) -> SafeString:
    """The text of a docstring as paragraphs; what is between backquotes as code."""
    said = re.sub(r"(`+)(.+?)\1", r"<code>\2</code>", escape(text))
    said = re.sub(r"\*(\w[^*]*)\*", r"<em>\1</em>", said)
    parts = [part for part in said.split("\n\n") if part.strip()]
    return mark_safe("".join(f"<p>{part}</p>" for part in parts))


@register.filter
def get(mapping: dict[str, Any], key: str) -> Any:
    """The value of a key that holds a hyphen, which the template language cannot write."""
    return mapping.get(key)


@register.filter
def to_json(value: Any) -> str:
    """The value as JSON, for a data attribute (the template escapes it)."""
    return json.dumps(value)


@register.filter
def unlocal(value: float) -> str:
    """A coordinate of a picture: never with a comma or an exponent."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


@register.filter
def count(value: Any) -> str:
    """A large count in words' short form, two digits: ``330 k``, ``5.5 M``."""
    number = as_float(value)
    if number is None:
        return ABSENT
    for unit, length in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= length:
            scaled = number / length
            return f"{scaled:.1f} {unit}" if scaled < 10 else f"{scaled:.0f} {unit}"
    return f"{number:.0f}"


@register.filter
def at(items: list[Any], index: int) -> Any:
    """The item at a position."""
    return items[index]


@register.filter
def cell(column: Any, run: TrainingRun) -> str:
    """What a column of the run table shows of a run (``run_table.columns.Column``)."""
    return str(column.show(run))
