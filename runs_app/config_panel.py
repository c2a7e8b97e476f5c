"""The configuration of a run in words, and where it differs from its parent and from its preset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel

from runs_app.forecasting.config.compose import preset_tree
from runs_app.forecasting.config.schema import RunConfig
from runs_app.models import TrainingRun

SECTIONS: dict[str, str] = {
    "data": "Data",
    "features": "Features",
    "horizons": "Horizons",
    "model": "Model",
    "loss": "Loss",
    "train": "Training",
    "costs": "Costs",
}

ABSENT = "absent"
_UNTOLD = ("data.source",)
"""No preset has a value for it."""


@dataclass(frozen=True)
class Value:
    """One field of a configuration."""

    path: str
    title: str
    help: str
    value: Any


@dataclass(frozen=True)
class Difference:
    """A field with another value than in what the run is compared with."""

    path: str
    title: str
    before: Any
    after: Any


@dataclass(frozen=True)
class ConfigPanel:
    """Context of the configuration's panel."""

    sections: list[tuple[str, list[Value]]]
    """Title and fields of each section, in the order of the schema."""
    parent: TrainingRun | None
    of_parent: list[Difference]
    """Differences to the run that this one was cloned or branched from."""
    of_preset: list[Difference]
    """Differences to the preset of its network and loss."""
    preset: str
    """The preset in words; empty where there is none of this name."""


def config_panel(run: TrainingRun) -> ConfigPanel:
    """The configuration of a run as its page shows it."""
    flat = flatten(run.config)
    sections: dict[str, list[Value]] = {title: [] for title in SECTIONS.values()}
    for path, value in flat.items():
        title, text = titles().get(path, (path, ""))
        section = SECTIONS.get(path.split(".")[0], "Other")
        sections.setdefault(section, []).append(Value(path, title, text, value))
    model, loss = (run.config.get(name) or {} for name in ("model", "loss"))
    preset = _preset(str(model.get("variant")), str(loss.get("kind")))
    parent = run.parent
    return ConfigPanel(
        sections=[(title, values) for title, values in sections.items() if values],
        parent=parent,
        of_parent=differences(flatten(parent.config), flat) if parent else [],
        of_preset=differences(preset, flat) if preset else [],
        preset=f"{model.get('variant')}, {str(loss.get('kind')).replace('_', ' ')}"
        if preset
        else "",
    )


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Fields whose values differ, in the order of the second."""
    paths = [*after, *(path for path in before if path not in after)]
    return [
        Difference(
            path,
            titles().get(path, (path, ""))[0],
            before.get(path, ABSENT),
            after.get(path, ABSENT),
        )
        for path in paths
        if path not in _UNTOLD or path in before
        if before.get(path, ABSENT) != after.get(path, ABSENT)
    ]


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of a configuration by dotted path; a list is one value."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping):
            found |= flatten(value, f"{path}.")
        else:
            found[path] = list(value) if isinstance(value, tuple) else value
    return found


@cache
def titles() -> dict[str, tuple[str, str]]:
    """By dotted path: title and help text of every field of the schema."""
    return _titles(RunConfig, "")


def _titles(section: type[BaseModel], prefix: str) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for name, info in section.model_fields.items():
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found |= _titles(inner, f"{prefix}{name}.")
        else:
            path = f"{prefix}{name}"
            found[path] = (info.title or path, info.description or "")
    return found


def _preset(variant: str, loss: str) -> dict[str, Any]:
    try:
        return flatten(preset_tree(variant, loss))
    except ValueError:
        return {}
