"""pydantic's errors as sentences for a user, each with the dotted path of its field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from runs_app.forecasting.config.paths import FIELDS, SECTIONS, closest
from runs_app.forecasting.config.schema import FieldFault
from runs_app.forecasting.errors import FieldError

MAX_SHOWN = 60
"""Characters of a wrong value that are repeated in a message."""

_SENTENCES = {
    "missing": "is required",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "finite_number": "must be a finite number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number, not {shown}",
    "int_parsing_size": "is too large a number",
    "int_from_float": "must be a whole number, not {shown}",
    "float_type": "must be a number",
    "float_parsing": "must be a number, not {shown}",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false, not {shown}",
    "string_type": "must be text, not {shown}",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "too_short": "must have at least {min_length} item(s)",
    "too_long": "must have at most {max_length} items",
    "model_type": "must be a group of keys, not {shown}",
    "model_attributes_type": "must be a group of keys, not {shown}",
    "dict_type": "must be a group of keys, not {shown}",
    "enum": "must be {expected}, not {shown}",
    "literal_error": "must be {expected}, not {shown}",
    "datetime_type": "must be a date such as 2024-01-31",
}


def show(value: Any) -> str:
    """A value as it appears in a message: quoted, cut when long, without control characters."""
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _number(value: Any) -> Any:
    """A bound as people write it: 1 and not 1.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _path(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc)


def _unknown_key(path: str) -> str:
    """Why an unknown key is refused, with the known one nearest to it."""
    parent, _, word = path.rpartition(".")
    prefix = f"{parent}." if parent else ""
    siblings = {known[len(prefix) :].split(".")[0] for known in FIELDS if known.startswith(prefix)}
    nearest = closest(word, siblings)
    if nearest is not None:
        return f"is not a known key; did you mean {prefix}{nearest}?"
    elsewhere = next((known for known in FIELDS if known.rpartition(".")[2] == word), None)
    if elsewhere is not None:
        return f"is not a known key here; did you mean {elsewhere}?"
    if parent:
        return f"is not a known key; {parent} has {', '.join(sorted(siblings))}"
    return f"is not a known key; the parts of a run are {', '.join(sorted(SECTIONS))}"


def sentence(item: Mapping[str, Any]) -> str:
    """What an entry of ``ValidationError.errors()`` says, as the end of a sentence on a field."""
    if item["type"] == "value_error":
        return str(item["ctx"]["error"])
    template = _SENTENCES.get(item["type"])
    if template is None:
        return str(item["msg"])
    if "input" not in item:
        template = template.replace(", not {shown}", "")
    bounds = {key: _number(value) for key, value in item.get("ctx", {}).items()}
    return template.format(shown=show(item.get("input")), **bounds)


def field_errors(error: ValidationError) -> list[FieldError]:
    """One ``FieldError`` per problem, with the path of the field and a sentence."""
    found = []
    for item in error.errors(include_url=False):
        path = _path(item["loc"])
        cause = item.get("ctx", {}).get("error")
        if isinstance(cause, FieldFault):
            path = f"{path}.{cause.field}" if path else cause.field
        unknown = item["type"] == "extra_forbidden"
        message = _unknown_key(path) if unknown else sentence(item)
        found.append((item["type"], FieldError(path, message)))
    # A list whose items are at fault is also reported as too short, which would only confuse.
    return [
        fault
        for kind, fault in found
        if kind != "too_short"
        or not any(other.path.startswith(f"{fault.path}.") for _, other in found)
    ]
