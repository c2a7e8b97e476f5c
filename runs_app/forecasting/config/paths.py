"""The schema seen flat: every value of a run by its dotted path (``model.d_model``)."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from runs_app.forecasting.config.schema import RunConfig

Tree = dict[str, Any]
"""A nested plain dict with string keys, such as a parsed ``config.yaml``."""


def _walk(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, info in model.model_fields.items():
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _walk(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", info


FIELDS: dict[str, FieldInfo] = dict(_walk(RunConfig, ""))
"""Every value of the schema: dotted path to its pydantic field (type, default, bounds, help)."""

SECTIONS: frozenset[str] = frozenset(RunConfig.model_fields)
"""Names of the parts of a run: data, features, horizons, model, loss, train, costs."""


def get_path(tree: Tree, path: str) -> Any:
    """The value at a dotted path; raises ``KeyError`` when there is none."""
    value: Any = tree
    for key in path.split("."):
        if not isinstance(value, dict):
            raise KeyError(path)
        value = value[key]
    return value


def set_path(tree: Tree, path: str, value: Any) -> None:
    """Put a value at a dotted path, making the parts on the way."""
    *parents, last = path.split(".")
    for key in parents:
        child = tree.get(key)
        if not isinstance(child, dict):
            child = tree[key] = {}
        tree = child
    tree[last] = value


def merge(base: Tree, change: Tree) -> Tree:
    """A new tree: ``base`` with every value that ``change`` names replaced; lists as a whole."""
    merged = dict(base)
    for key, value in change.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            merged[key] = merge(old, value)
        else:
            merged[key] = value
    return merged


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known name most like ``word``, or None when none is near."""
    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None
