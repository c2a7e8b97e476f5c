"""The builder filled with the form of a run: to clone it, or to branch from its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runs_app.choices import Kinship
from runs_app.forecasting.config.compose import preset_tree
from runs_app.forecasting.config.paths import FIELDS, get_path
from runs_app.forecasting.config.request import override_line
from runs_app.forecasting.config.schema import LossKind, Variant
from runs_app.forms.build import build_field
from runs_app.forms.draft import Draft, new_draft
from runs_app.forms.steps import STEP_KEYS, STEPS, step_of
from runs_app.models import TrainingRun

ON_PAGES = {path for step in STEPS for path in step.all_paths}


def draft_of(
    run: TrainingRun,
    kinship: Kinship,
    *,
    name: str,
    checkpoint: str = "",
    changes: Mapping[str, Any] | None = None,
    marks: Mapping[str, str] | None = None,
) -> Draft:
    """A draft with every value of the run but for ``changes`` (by path); every step is reachable.

    What stands on no page becomes an override where the preset has another value. ``marks`` are
    messages by path that stay beside a field until its value is changed.
    """
    draft = filled(run.config, name=name, changes=changes, marks=marks)
    draft.parent, draft.kinship, draft.checkpoint = run.uid, kinship, checkpoint
    return draft


def filled(
    config: dict[str, Any],
    *,
    name: str,
    changes: Mapping[str, Any] | None = None,
    marks: Mapping[str, str] | None = None,
) -> Draft:
    """A draft with every value of a resolved configuration, as ``draft_of`` has them."""
    draft = new_draft()
    draft.name = name
    draft.visited = list(STEP_KEYS)
    preset = _preset(config)
    lines = []
    for path in FIELDS:
        value = (changes or {}).get(path, _value(config, path))
        if path in ON_PAGES:
            draft.values[path] = _typed(path, value)
        elif value is not _MISSING and value != _value(preset, path):
            lines.append(override_line(path, value))
    draft.overrides = "\n".join(lines)
    draft.marks = {
        path: [message, draft.values.get(path)] for path, message in (marks or {}).items()
    }
    return draft


def first_step(draft: Draft) -> str:
    """Where a person should look first: the page of a mark, else the last one, where it starts."""
    marked = (step_of(path) for path in draft.still_marked)
    return next((step.key for step in marked if step), STEP_KEYS[-1])


_MISSING: Any = object()


def _value(tree: dict[str, Any], path: str) -> Any:
    """The value at ``path``; the default where the run is older than the field."""
    try:
        return get_path(tree, path)
    except KeyError:
        info = FIELDS[path]
        return _MISSING if info.is_required() else info.get_default(call_default_factory=True)


def _typed(path: str, value: Any) -> Any:
    """The value as the page's own form would send it."""
    if value is _MISSING:
        return ""
    shown = build_field(path, value)
    return list(value) if shown.kind == "multi" else shown.value


def _preset(config: dict[str, Any]) -> dict[str, Any]:
    variant = _value(config, "model.variant")
    loss = _value(config, "loss.kind")
    return preset_tree(
        variant if variant in list(Variant) else Variant.BASE,
        loss if loss in list(LossKind) else LossKind.STUDENT_T,
    )
