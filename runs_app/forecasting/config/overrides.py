"""Additional Hydra overrides: Hydra's grammar, but only plain values for known keys pass.

An override is data, never code. Everything else the grammar can say (additions, deletions, sweeps,
functions, interpolations, Hydra's own node) is refused with a sentence.
"""

from __future__ import annotations

from typing import Any

from hydra._internal.grammar.functions import Functions
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType, ValueType
from hydra.errors import HydraException

from runs_app.forecasting.config.compose import HYDRA_LOCK
from runs_app.forecasting.config.faults import show
from runs_app.forecasting.config.paths import FIELDS, SECTIONS, closest
from runs_app.forecasting.config.schema import LossKind, Variant
from runs_app.forecasting.errors import ConfigInvalid, FieldError

MAX_OVERRIDES = 100
MAX_LENGTH = 500
MAX_BRACKETS = 20
"""The grammar's parser is recursive; no value of the schema needs more than one list."""

PATH = "overrides"
"""Where the errors of this module are reported."""

GROUPS: dict[str, tuple[str, frozenset[str]]] = {
    "model": ("model.variant", frozenset(str(kind) for kind in Variant)),
    "loss": ("loss.kind", frozenset(str(kind) for kind in LossKind)),
}
"""Config groups that may be changed: the schema path that says so, and the offered choices."""

# Without functions, or the grammar would run casts, ranges and shuffles while it reads.
_PARSER = OverridesParser(functions=Functions())


class _Refused(Exception):
    """One override is not acceptable; the text is the reason."""


def split_overrides(given: Any) -> list[str]:
    """The overrides of a request: a list of texts, or one text with one override per line.

    Raises ``ConfigInvalid`` when it is neither, or too much.
    """
    if isinstance(given, str):
        lines: list[Any] = given.splitlines()
    elif isinstance(given, (list, tuple)):
        lines = list(given)
    else:
        raise ConfigInvalid(
            [FieldError(PATH, "must be a list of texts such as model.dropout=0.2, or one per line")]
        )
    if len(lines) > MAX_OVERRIDES:
        raise ConfigInvalid([FieldError(PATH, f"has more than {MAX_OVERRIDES} overrides")])
    wrong = [line for line in lines if not isinstance(line, str)]
    if wrong:
        raise ConfigInvalid(
            [FieldError(PATH, f"{show(item)} is not text; write key=value") for item in wrong]
        )
    return [line.strip() for line in lines if line.strip()]


def parse_overrides(given: Any) -> dict[str, Any]:
    """The values that overrides set, by dotted schema path; a later one wins.

    Raises ``ConfigInvalid``: path ``overrides``, a sentence that names the override and the reason.
    """
    values: dict[str, Any] = {}
    errors: list[FieldError] = []
    for text in split_overrides(given):
        try:
            path, value = _parse(text)
        except _Refused as refusal:
            errors.append(FieldError(PATH, f"{show(text)} {refusal}"))
        else:
            values[path] = value
    if errors:
        raise ConfigInvalid(errors)
    return values


def _parse(text: str) -> tuple[str, Any]:
    _refuse_early(text)
    try:
        with HYDRA_LOCK:  # the generated parser shares its tables between threads
            override = _PARSER.parse_override(text)
    except HydraException as error:
        raise _Refused(_grammar_reason(str(error))) from error
    except (RecursionError, ValueError, ArithmeticError) as error:
        raise _Refused("is not a Hydra override; write key=value") from error
    key = override.key_or_group
    _refuse_kind(override)
    if key in GROUPS:
        return _group_choice(key, override.value())
    _refuse_key(key)
    return key, _plain(override.value())


def _grammar_reason(error: str) -> str:
    if "Unknown function" in error:
        return "calls a function, a cast or a sweep; write the value itself"
    return "is not a Hydra override; write key=value"


def _refuse_early(text: str) -> None:
    """What must not even reach the grammar."""
    if len(text) > MAX_LENGTH:
        raise _Refused(f"is longer than {MAX_LENGTH} characters")
    if "${" in text:
        raise _Refused("holds an interpolation (${...}); write the value itself")
    if not text.isprintable():
        raise _Refused("holds a control character")
    if text.startswith("-"):
        raise _Refused("is a command-line flag; only key=value is accepted")
    if sum(text.count(bracket) for bracket in "[({") > MAX_BRACKETS:
        raise _Refused("has too many brackets")


def _refuse_kind(override: Override) -> None:
    """Refuse every kind of override but a plain change of one value."""
    key = override.key_or_group
    if override.type is OverrideType.DEL:
        raise _Refused("deletes a key; every key of a run is needed")
    if override.type in (OverrideType.ADD, OverrideType.FORCE_ADD):
        raise _Refused("adds a key (+ or ++); write key=value for a key that exists")
    if any(part.startswith("_") for part in key.replace("/", ".").split(".")):
        raise _Refused("sets a key that would name code to run; that is never accepted")
    if key.replace("/", ".").split(".")[0] == "hydra":
        raise _Refused("changes Hydra itself; only the run's own keys can be set")
    if override.package is not None or "@" in key:
        raise _Refused("moves a config group (@); only the run's own keys can be set")
    if override.value_type is not ValueType.ELEMENT:
        raise _Refused("is a sweep over several values; give one value, or use launch_runs")


def _group_choice(key: str, value: Any) -> tuple[str, Any]:
    path, choices = GROUPS[key]
    if not isinstance(value, str) or value not in choices:
        raise _Refused(f"must choose one of {', '.join(sorted(choices))}")
    return path, value


def _refuse_key(key: str) -> None:
    if key in FIELDS:
        return
    if not key:
        raise _Refused("names no key; write key=value")
    if key in SECTIONS or "/" in key or any(known.startswith(f"{key}.") for known in FIELDS):
        raise _Refused(
            "changes a whole config group; only model= and loss= can be chosen, "
            "and other keys are set one by one"
        )
    nearest = closest(key, FIELDS) or next(
        (known for known in FIELDS if known.rpartition(".")[2] == key), None
    )
    hint = f"; did you mean {nearest}?" if nearest else ""
    raise _Refused(f"sets {key}, which is not a known key{hint}")


def _plain(value: Any, *, inside_list: bool = False) -> Any:
    """A number, a flag, a text, null, or a list of those; anything else is refused."""
    if isinstance(value, list) and not inside_list:
        return [_plain(item, inside_list=True) for item in value]
    if value is None or type(value) in (bool, int, float):
        return value
    if type(value) is str:
        if "${" in value:
            raise _Refused("holds an interpolation (${...}); write the value itself")
        return value
    raise _Refused(
        "has a value that is not plain; give a number, a text, true, false, null or a list"
    )
