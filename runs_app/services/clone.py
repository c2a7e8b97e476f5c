"""Clone a run: a new run with the same form, some of it changed."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from runs_app.choices import Kinship
from runs_app.errors import RunNotCopyable
from runs_app.execution.lifecycle import Kin, create_run
from runs_app.forecasting.config.compose import preset_values
from runs_app.forecasting.config.paths import get_path, merge, set_path
from runs_app.forecasting.config.request import RunRequest, flat_from_config, parse_changes
from runs_app.forecasting.config.schema import Variant
from runs_app.models import TrainingRun
from runs_app.queries import get_run
from runs_app.services.launch import MAX_NAME, check, clean_name, refuse_full

COPY = "copy of "


def clone_run(
    uid: str, changes: Mapping[str, Any] | None = None, *, name: Any = None
) -> TrainingRun:
    """A new pending run with the configuration of a run in any state, but for ``changes``.

    ``changes`` holds flat keys, parts, schema paths or overrides. It is outside the group that its
    parent may belong to. Raises ``RunNotFound``, ``RunNotCopyable``, ``ConfigInvalid`` under the
    names that ``changes`` uses, and ``OSError``.
    """
    run = run_to_copy(uid)
    refuse_full()
    label = copy_name(run) if name is None else clean_name(name)
    config = check(changed(run, changes or {}))
    return create_run(config, flat_from_config(config), label, kin=Kin(run, Kinship.CLONE))


def run_to_copy(uid: str) -> TrainingRun:
    """The run, which may be live. Raises ``RunNotFound`` and ``RunNotCopyable``."""
    run = get_run(uid)
    if run.trashed_at is not None:
        raise RunNotCopyable(f"Run {uid} is in the trash; restore it first.")
    return run


def copy_name(run: TrainingRun) -> str:
    """The name of a run's copy; the copy of a copy is called no longer than that."""
    original = run.name or run.uid
    return (original if original.startswith(COPY) else f"{COPY}{original}")[:MAX_NAME]


def changed(run: TrainingRun, changes: Any) -> RunRequest:
    """The run's form with ``changes`` laid over it, not yet checked.

    As in the builder, another preset fills in what it sets, but for what is changed besides.
    Raises ``ConfigInvalid``.
    """
    request = parse_changes(changes)
    tree = deepcopy(run.config)
    try:
        variant = get_path(request.values, "model.variant")
    except KeyError:
        variant = None
    if variant in list(Variant) and variant != get_path(tree, "model.variant"):
        for path, value in preset_values(variant).items():
            set_path(tree, path, value)
    return RunRequest(merge(tree, request.values), request.nested, request.overridden)
