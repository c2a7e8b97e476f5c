"""The flat payload of a request (``batch_size``), as the API, the form and batch files give it.

Each flat key stands for one path of the schema; a fault found there is reported under the name its
sender used. A nested, resolved configuration (a run's own ``config.yaml``) is accepted as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.types import Quote, QuotedString
from pydantic import BaseModel, ConfigDict, create_model

from runs_app.forecasting.config.compose import (
    DEFAULT_LOSS,
    DEFAULT_VARIANT,
    compose_config,
    preset_tree,
)
from runs_app.forecasting.config.document import check_tree, to_tree
from runs_app.forecasting.config.faults import show
from runs_app.forecasting.config.overrides import PATH as OVERRIDES
from runs_app.forecasting.config.overrides import parse_overrides, split_overrides
from runs_app.forecasting.config.paths import FIELDS, SECTIONS, Tree, closest, get_path, set_path
from runs_app.forecasting.config.schema import LossWeights, RunConfig
from runs_app.forecasting.errors import ConfigInvalid, FieldError

FLAT_PATHS: dict[str, str] = {
    "data_source": "data.source",
    "timeframes": "data.timeframes",
    "decision_timeframe": "data.decision",
    "start_date": "data.start",
    "end_date": "data.end",
    "repair": "data.repair",
    "indicators": "features.indicators",
    "calendar_features": "features.calendar",
    "realised_volatility": "features.realised",
    "next_horizon": "horizons.next_bars",
    "short_horizon": "horizons.short",
    "long_horizon": "horizons.long",
    "variant": "model.variant",
    "d_model": "model.d_model",
    "layers": "model.layers",
    "heads": "model.heads",
    "context_bars": "model.context_bars",
    "dropout": "model.dropout",
    "regression_loss": "loss.kind",
    "loss_weights": "loss.weights",
    "max_epochs": "train.max_epochs",
    "batch_size": "train.batch_size",
    "accumulation": "train.accumulation",
    "devices": "train.devices",
    "learning_rate": "train.learning_rate",
    "weight_decay": "train.weight_decay",
    "seed": "train.seed",
}
"""Flat key of a request to the schema path it sets. ``overrides`` comes on top."""

_BY_PATH = {path: key for key, path in FLAT_PATHS.items()}
_CHOSEN_BY = {"model": "variant", "loss": "regression_loss"}
_PLAIN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9_]*|[0-9]+[mhdw]")

FlatConfig: type[BaseModel] = create_model(  # type: ignore[call-overload]
    "FlatConfig",
    __config__=ConfigDict(extra="forbid"),
    __doc__="The configuration of a request. What is left out comes from the preset (`variant`).",
    **{
        key: (FIELDS[path].annotation, FIELDS[path])
        for key, path in FLAT_PATHS.items()
        if path in FIELDS
    },
    loss_weights=(LossWeights, LossWeights()),
    overrides=(list[str], []),
)
"""The flat payload as a model, made from the schema's own fields; it documents the API."""


@dataclass(frozen=True)
class RunRequest:
    """A request taken apart: ``values`` is nested as the schema and not yet checked against it."""

    values: Tree
    nested: bool
    overridden: frozenset[str]

    def own_name(self, error: FieldError) -> FieldError:
        """The error under the name its sender used: a flat key, ``overrides``, or a schema path."""
        for path in _prefixes(error.path):
            rest = error.path[len(path) :]
            if path in self.overridden:
                return FieldError(OVERRIDES, f"{error.path}: {error.message}")
            if not self.nested and path in _BY_PATH:
                return FieldError(f"{_BY_PATH[path]}{rest}", error.message)
        return error

    def compose(self) -> RunConfig:
        """The configuration; raises ``ConfigInvalid`` with the sender's own names."""
        try:
            return compose_config(self.values)
        except ConfigInvalid as invalid:
            raise self.renamed(invalid) from invalid

    def renamed(self, invalid: ConfigInvalid) -> ConfigInvalid:
        """The same errors under the sender's own names."""
        return ConfigInvalid([self.own_name(error) for error in invalid.errors])


def _prefixes(path: str) -> list[str]:
    """``a.b.c`` gives ``a.b.c``, ``a.b``, ``a``."""
    parts = path.split(".")
    return [".".join(parts[:end]) for end in range(len(parts), 0, -1)]


def parse_request(payload: Any) -> RunRequest:
    """Take a flat payload, or a nested configuration, apart.

    Raises ``ConfigInvalid``: unknown keys (with the nearest known one), overrides that are refused,
    values that no configuration can hold. Types and ranges are checked later, by the schema.
    """
    if not isinstance(payload, dict):
        raise ConfigInvalid([FieldError("", f"must be a group of keys, not {show(payload)}")])
    given = {key: value for key, value in payload.items() if value is not None}
    overrides = parse_overrides(given.pop(OVERRIDES, ()))
    check_tree(given)
    nested = any(key in SECTIONS and isinstance(value, dict) for key, value in given.items())
    values = _nested_values(given) if nested else _flat_values(given)
    for path, value in overrides.items():
        set_path(values, path, value)
    return RunRequest(values=values, nested=nested, overridden=frozenset(overrides))


def _nested_values(given: Tree) -> Tree:
    mixed = sorted(key for key in given if key in FLAT_PATHS)
    if mixed:
        raise ConfigInvalid(
            [
                FieldError(key, f"cannot stand beside whole parts; write {FLAT_PATHS[key]}")
                for key in mixed
            ]
        )
    return _copy(given)


def _copy(tree: Tree) -> Tree:
    return {key: _copy(value) if isinstance(value, dict) else value for key, value in tree.items()}


def _flat_values(given: Tree) -> Tree:
    unknown = [FieldError(key, _unknown(key)) for key in given if key not in FLAT_PATHS]
    if unknown:
        raise ConfigInvalid(unknown)
    values: Tree = {}
    for key, value in given.items():
        set_path(values, FLAT_PATHS[key], _copy(value) if isinstance(value, dict) else value)
    return values


def _unknown(key: str) -> str:
    if key in _CHOSEN_BY:
        return f"is not a known key; did you mean {_CHOSEN_BY[key]}?"
    path = key if key in FIELDS else None
    path = path or next((known for known in FIELDS if known.rpartition(".")[2] == key), None)
    if path in _BY_PATH:
        return f"is not a known key; did you mean {_BY_PATH[path]}?"
    if path is not None:
        return f"is not a known key; set it by an override: {path}=..."
    nearest = closest(key, [*FLAT_PATHS, OVERRIDES])
    if nearest is not None:
        return f"is not a known key; did you mean {nearest}?"
    return f"is not a known key; the keys are {', '.join([*FLAT_PATHS, OVERRIDES])}"


def parse_changes(payload: Any) -> RunRequest:
    """Take apart what a copy of a run changes of its configuration.

    Beside what ``parse_request`` takes, keys may be whole schema paths (``train.batch_size``), and
    null is a value: it empties a field that may be empty. Raises ``ConfigInvalid``.
    """
    if not isinstance(payload, dict):
        raise ConfigInvalid([FieldError("", f"must be a group of keys, not {show(payload)}")])
    dotted = {key: value for key, value in payload.items() if "." in str(key)}
    unknown = [
        FieldError(key, _unknown_path(key)) for key in dotted if key not in {*FIELDS, *FLAT_PATHS}
    ]
    empty = {k for k, value in payload.items() if value is None and k in {*FLAT_PATHS, *SECTIONS}}
    others = {k: v for k, v in payload.items() if k not in dotted and k not in empty}
    try:
        request = parse_request(others)
        check_tree(dotted)
    except ConfigInvalid as invalid:
        raise ConfigInvalid([*unknown, *invalid.errors]) from invalid
    if unknown:
        raise ConfigInvalid(unknown)
    for key in empty:
        set_path(request.values, FLAT_PATHS.get(key, key), None)
    for path, value in dotted.items():
        set_path(request.values, path, value)
    return RunRequest(request.values, request.nested or bool(dotted), request.overridden)


def _unknown_path(path: str) -> str:
    nearest = closest(path, FIELDS)
    hint = f"did you mean {nearest}?" if nearest else "GET the run to see its fields"
    return f"is not a field of a configuration; {hint}"


def override_line(path: str, value: Any) -> str:
    """``path=value`` in the override grammar."""
    return f"{path}={_override_text(value)}"


def flat_from_config(config: RunConfig) -> dict[str, Any]:
    """The flat payload that gives ``config``; what has no flat key becomes an override."""
    tree = to_tree(config)
    flat = {key: get_path(tree, path) for key, path in FLAT_PATHS.items()}
    preset = preset_tree(config.model.variant, config.loss.kind)
    flat[OVERRIDES] = [
        override_line(path, get_path(tree, path))
        for path in FIELDS
        if not _has_flat_key(path) and get_path(tree, path) != get_path(preset, path)
    ]
    return flat


def brief_from_config(config: RunConfig) -> dict[str, Any]:
    """The same without what the preset has anyway: the shortest payload that gives ``config``."""
    flat = flat_from_config(config)
    overrides = flat.pop(OVERRIDES)
    preset = preset_tree(config.model.variant, config.loss.kind)
    set_path(preset, FLAT_PATHS["variant"], str(DEFAULT_VARIANT))
    set_path(preset, FLAT_PATHS["regression_loss"], str(DEFAULT_LOSS))
    brief = {
        key: value
        for key, value in flat.items()
        if key == "data_source" or value != get_path(preset, FLAT_PATHS[key])
    }
    if "loss_weights" in brief:
        usual = get_path(preset, FLAT_PATHS["loss_weights"])
        brief["loss_weights"] = {k: v for k, v in flat["loss_weights"].items() if v != usual[k]}
    return brief | ({OVERRIDES: overrides} if overrides else {})


def _has_flat_key(path: str) -> bool:
    return any(prefix in _BY_PATH for prefix in _prefixes(path))


def _override_text(value: Any) -> str:
    """One value in the override grammar."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and not _PLAIN_TEXT.fullmatch(value):
        return QuotedString(value, Quote.single).with_quotes()
    return str(value)


def as_sent(payload: dict[str, Any], request: RunRequest, config: RunConfig) -> dict[str, Any]:
    """What is stored beside the run: a flat payload as its sender wrote it, else the flat equal."""
    if request.nested:
        return flat_from_config(config)
    kept = {key: value for key, value in payload.items() if value is not None}
    if OVERRIDES in kept:
        kept[OVERRIDES] = split_overrides(kept[OVERRIDES])
    return kept
