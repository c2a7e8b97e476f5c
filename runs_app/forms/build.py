"""The builder's fields, generated from the schema: type, choices, bounds and help stand there."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Union, get_args, get_origin

import annotated_types
from pydantic.fields import FieldInfo

from runs_app.forecasting.config.fields import Timeframe
from runs_app.forecasting.config.paths import FIELDS
from runs_app.forecasting.config.reading import ColumnOrder, DateOrder
from runs_app.forecasting.config.reasons import REASONS
from runs_app.forecasting.config.schema import Indicator, LossKind, Variant
from runs_app.forecasting.config.timeframes import TIMEFRAMES

_MIDNIGHT = re.compile(r".{10}T00:00(:00(\.0+)?)?(Z|\+00:00)?").fullmatch

CHOICE_TITLES: dict[str, tuple[str, str]] = {
    Indicator.RSI: ("RSI", "Relative strength index, 14 bars"),
    Indicator.MACD: ("MACD", "Moving-average convergence/divergence"),
    Indicator.ATR: ("ATR", "Average true range, 14 bars"),
    Indicator.BB: ("BB", "Bollinger bands, 20 bars"),
    Indicator.EMA: ("EMA", "Distance to exponential averages"),
    Indicator.SMA: ("SMA", "Distance to simple averages"),
    Indicator.OBV: ("OBV", "On-balance volume"),
    LossKind.GAUSSIAN_NLL: ("Gaussian NLL", "A normal distribution: mean and scale"),
    LossKind.STUDENT_T: ("Student-t", "Heavy tails, as returns have them: mean, scale and tail"),
    LossKind.QUANTILE: ("Quantile", "Five quantiles from 5 % to 95 %, of any shape"),
    LossKind.MSE: ("Deterministic (MSE)", "The mean alone; no intervals, no NLL"),
    DateOrder.AUTO: ("Automatic", "As the file itself shows"),
    DateOrder.DAY_FIRST: ("Day first", "01/02/2024 is the first of February"),
    DateOrder.MONTH_FIRST: ("Month first", "01/02/2024 is the second of January"),
    ColumnOrder.OHLC: ("Open, high, low, close", "As most vendors write them"),
    ColumnOrder.OCHL: ("Open, close, high, low", "As Bitfinex writes them"),
    ColumnOrder.BID: ("Bid", "The bid side of a file of quotes"),
    ColumnOrder.ASK: ("Ask", "The ask side of a file of quotes"),
    Variant.TINY: ("Tiny", "Minutes on a laptop"),
    Variant.BASE: ("Base", "A first serious run"),
    Variant.MEDIUM: ("Medium", "Wants a GPU"),
    Variant.LARGE: ("Large", "Wants a big GPU"),
    "": ("Shortest chosen", ""),
}
"""How choices are written on the page; which there are is the schema's business."""


@dataclass(frozen=True)
class Choice:
    """One offered value."""

    value: str
    title: str
    hint: str = ""
    chosen: bool = False


@dataclass(frozen=True)
class BuilderField:
    """One field of a form, ready to draw."""

    path: str
    """Dotted path in the schema, such as ``model.d_model``."""
    name: str
    """Name in the HTML form."""
    kind: str
    """text, number, date, checkbox, choice or multi."""
    label: str
    help: str
    value: Any
    choices: tuple[Choice, ...] = ()
    minimum: str = ""
    maximum: str = ""
    above: str = ""
    """The bound below where the value itself is not allowed."""
    step: str = ""
    optional: bool = False
    errors: tuple[str, ...] = field(default=())
    unit: str = ""
    """What the number counts."""
    why: str = ""
    """Why the preset has this value, one sentence."""
    usual: str = ""
    """The preset's value in words; empty where no preset has one."""
    usual_value: str = ""
    """The same as the form would send it, a list's items separated by commas."""
    changed: bool = False
    """True where the draft has another value than its preset."""

    @property
    def range(self) -> str:
        """The bounds with their unit, such as ``1 to 65,536 windows``; empty without bounds."""
        low, high = (
            f"{float(text):,.10g}" if text else "" for text in (self.minimum, self.maximum)
        )
        if self.above:
            low = f"more than {float(self.above):,.10g}"
        bounds = " to ".join(filter(None, (low, high)))
        return f"{bounds} {self.unit}".strip() if bounds else ""

    @property
    def described_by(self) -> str:
        """Ids of the elements that explain the field, for ``aria-describedby``."""
        return f"{self.name}-help" + (f" {self.name}-error" if self.errors else "")


def form_name(path: str) -> str:
    """The HTML name of a schema path; ids and selectors cannot hold dots comfortably."""
    return path.replace(".", "-")


NONE: Any = object()
"""No preset has a value for the field."""


def build_field(
    path: str, value: Any, errors: tuple[str, ...] = (), *, usual: Any = NONE
) -> BuilderField:
    """The field of one schema path, showing ``value`` as it was typed or as the preset has it.

    ``usual`` is the preset's own value.
    """
    info = FIELDS[path]
    kind, choices = _kind(info)
    if kind == "date" and isinstance(value, str) and len(value) > 10 and not _MIDNIGHT(value):
        kind = "text"  # a date input would lose the time of day
    minimum, above, maximum = _bounds(info)
    several = isinstance(value, (list, tuple))
    chosen = {str(item) for item in value} if several else {"" if value is None else str(value)}
    return BuilderField(
        path=path,
        name=form_name(path),
        kind=kind,
        label=info.title or path,
        help=info.description or "",
        value=_shown(value, kind),
        choices=tuple(
            Choice(key, *CHOICE_TITLES.get(key, (key, "")), chosen=key in chosen) for key in choices
        ),
        minimum=minimum,
        maximum=maximum,
        above=above,
        step=_step(info, kind),
        optional=_unwrapped(info)[1],
        errors=errors,
        unit=REASONS[path].unit,
        why=REASONS[path].why,
        **_compared(path, value, usual, kind),
    )


def _compared(path: str, value: Any, usual: Any, kind: str) -> dict[str, Any]:
    """What the preset has instead, in words and as the form sends it."""
    if usual is NONE:
        return {}
    words = [CHOICE_TITLES.get(str(item), (str(item), ""))[0] for item in as_list(usual, kind)]
    told = {True: "on", False: "off"}[usual] if kind == "checkbox" else ", ".join(words)
    return {
        "usual": told or (CHOICE_TITLES[""][0] if kind == "choice" else "empty"),
        "usual_value": ",".join(map(str, as_list(usual, kind))),
        "changed": not same_value(path, value, usual),
    }


def as_list(value: Any, kind: str) -> list[Any]:
    """A value as the texts of its input: none, one or several."""
    shown = _shown(value, kind)
    if isinstance(shown, (list, tuple)):
        return [str(item) for item in shown]
    if isinstance(shown, bool):
        return [str(shown).lower()]
    return [shown] if shown != "" else []


def same_value(path: str, value: Any, usual: Any) -> bool:
    """Whether what was typed means what the preset has: 0.10 is 0.1."""
    kind, _ = _kind(FIELDS[path])
    if kind == "checkbox":
        return bool(value) == bool(usual)
    mine, theirs = as_list(value, kind), as_list(usual, kind)
    if kind == "number" and len(mine) == len(theirs) == 1:
        try:
            return float(mine[0]) == float(theirs[0])
        except ValueError:
            return False
    return mine == theirs


def read_values(paths: tuple[str, ...], posted: Any) -> dict[str, Any]:
    """What a submitted form holds for these paths: texts, lists of texts, and flags."""
    values: dict[str, Any] = {}
    for path in paths:
        kind, _ = _kind(FIELDS[path])
        name = form_name(path)
        if kind == "multi":
            values[path] = posted.getlist(name)
        elif kind == "checkbox":
            values[path] = name in posted
        elif name in posted:
            values[path] = posted[name].strip()
    return values


def to_schema_value(path: str, value: Any) -> Any:
    """A form's value as the schema takes it: an empty optional field is None."""
    kind, _ = _kind(FIELDS[path])
    if value == "" and (kind in {"number", "date"} or _unwrapped(FIELDS[path])[1]):
        return None
    return value


def errors_by_field(
    errors: Mapping[str, tuple[str, ...]], paths: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    """The errors that belong to these fields; ``data.timeframes.0`` belongs to its list."""
    found: dict[str, tuple[str, ...]] = {}
    for path in paths:
        own = [
            message
            for place, messages in errors.items()
            if place == path or place.startswith(f"{path}.")
            for message in messages
        ]
        if own:
            found[path] = tuple(own)
    return found


def _unwrapped(info: FieldInfo) -> tuple[Any, bool]:
    """The bare type of a field, and whether it may be empty."""
    kind: Any = info.annotation
    optional = False
    while True:
        origin = get_origin(kind)
        if origin is Annotated:
            kind = get_args(kind)[0]
        elif origin in (Union, types.UnionType):
            inner = [part for part in get_args(kind) if part is not type(None)]
            optional = len(inner) < len(get_args(kind))
            kind = inner[0]
        else:
            return kind, optional


def _kind(info: FieldInfo) -> tuple[str, tuple[str, ...]]:
    """How a field is drawn, and its choices."""
    kind, _ = _unwrapped(info)
    if get_origin(kind) is tuple:
        item = get_args(kind)[0]
        if isinstance(item, type) and issubclass(item, StrEnum):
            return "multi", tuple(item)
        return "multi", TIMEFRAMES
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return "choice", tuple(kind)
    if Timeframe in get_args(info.annotation):
        return "choice", ("", *TIMEFRAMES)
    if kind is bool:
        return "checkbox", ()
    if kind in (int, float):
        return "number", ()
    return ("date" if kind is datetime else "text"), ()


def _bounds(info: FieldInfo) -> tuple[str, str, str]:
    """The least value, the one it must be above, the largest; empty where there is none."""
    low = above = high = ""
    for rule in info.metadata:
        if isinstance(rule, annotated_types.Ge):
            low = f"{rule.ge:g}" if isinstance(rule.ge, float) else str(rule.ge)
        if isinstance(rule, annotated_types.Gt):
            above = f"{rule.gt:g}"
        if isinstance(rule, annotated_types.Le):
            high = f"{rule.le:g}" if isinstance(rule.le, float) else str(rule.le)
    return low, above, high


def _step(info: FieldInfo, kind: str) -> str:
    if kind != "number":
        return ""
    return "1" if _unwrapped(info)[0] is int else "any"


def _shown(value: Any, kind: str) -> Any:
    """The value as the input shows it."""
    if kind in {"multi", "checkbox"}:
        return value
    if value is None:
        return ""
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    if kind == "date" and isinstance(value, str):
        return value[:10]
    return str(value)
