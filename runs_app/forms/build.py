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
    step: str = ""
    optional: bool = False
    errors: tuple[str, ...] = field(default=())

    @property
    def range(self) -> str:
        """The bounds in words, such as ``1 to 65,536``; empty where one side is open."""
        if not (self.minimum and self.maximum):
            return ""
        return f"{float(self.minimum):,.10g} to {float(self.maximum):,.10g}"

    @property
    def described_by(self) -> str:
        """Ids of the elements that explain the field, for ``aria-describedby``."""
        return f"{self.name}-help" + (f" {self.name}-error" if self.errors else "")


def form_name(path: str) -> str:
    """The HTML name of a schema path; ids and selectors cannot hold dots comfortably."""
    return path.replace(".", "-")


def build_field(path: str, value: Any, errors: tuple[str, ...] = ()) -> BuilderField:
    """The field of one schema path, showing ``value`` as it was typed or as the preset has it."""
    info = FIELDS[path]
    kind, choices = _kind(info)
    if kind == "date" and isinstance(value, str) and len(value) > 10 and not _MIDNIGHT(value):
        kind = "text"  # a date input would lose the time of day
    minimum, maximum = _bounds(info)
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
        step=_step(info, kind),
        optional=_unwrapped(info)[1],
        errors=errors,
    )


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


def _bounds(info: FieldInfo) -> tuple[str, str]:
    low = high = ""
    for rule in info.metadata:
        if isinstance(rule, annotated_types.Ge):
            low = f"{rule.ge:g}" if isinstance(rule.ge, float) else str(rule.ge)
        if isinstance(rule, annotated_types.Le):
            high = f"{rule.le:g}" if isinstance(rule.le, float) else str(rule.le)
    return low, high


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
