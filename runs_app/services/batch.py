"""Many runs from one file: a list of runs or groups, or a base and a grid of what varies."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

from runs_app.errors import RunError
from runs_app.forecasting.config.document import parse_yaml, to_tree
from runs_app.forecasting.config.faults import show
from runs_app.forecasting.config.paths import closest
from runs_app.forecasting.errors import ConfigInvalid, FieldError
from runs_app.services.clone import changed, run_to_copy
from runs_app.services.groups import MAX_RUNS, ONE, SIZE_KEYS, Size, plan_group, read_size
from runs_app.services.launch import check, clean_name, resolve

_KEYS = ("runs", "base", "grid", "name")


@dataclass(frozen=True)
class PlannedRun:
    """One run of a batch, not yet created."""

    payload: dict[str, Any]
    name: str
    size: Size = ONE
    clone_of: str = ""
    """Public id of the run from which ``payload`` differs; empty for a run of its own."""

    @property
    def runs(self) -> int:
        """Runs it comes to: a group has several."""
        return self.size.folds * self.size.seeds


def plan_batch(text: str) -> list[PlannedRun]:
    """The runs that a YAML text asks for, each one checked against schema and data.

    The text is a list of runs, ``{runs: [...]}``, or ``{base: {...}, grid: {key: [values]}}``: one
    run for every combination. A run is a flat payload, a configuration, or ``{name, config}``; with
    ``folds``, ``seeds`` and ``scheme`` beside them it is a group; with ``clone_of`` it is a run
    that differs from another one in the keys beside it.
    Raises ``ConfigInvalid`` naming the faults of every run; then nothing is created.
    """
    planned = _expand(parse_yaml(text))
    _check_number(sum(run.runs for run in planned))
    errors = []
    for number, run in enumerate(planned, 1):
        try:
            _check(run)
        except ConfigInvalid as invalid:
            where = f"run {number}" + (f" ({run.name})" if run.name else "")
            errors += [
                FieldError(f"{where}, {error.path}" if error.path else where, error.message)
                for error in invalid.errors
            ]
    if errors:
        raise ConfigInvalid(errors)
    return planned


def is_batch(text: str) -> bool:
    """Whether a YAML text is a file of runs and not a configuration; ``ConfigInvalid``."""
    tree = parse_yaml(text)
    return isinstance(tree, list) or (isinstance(tree, dict) and bool(tree.keys() & {*_KEYS[:-1]}))


def whole_payload(run: PlannedRun) -> dict[str, Any]:
    """What a planned run is by itself: a clone with the fields that it takes over."""
    if not run.clone_of:
        return run.payload
    return to_tree(check(changed(run_to_copy(run.clone_of), run.payload)))


def _check(run: PlannedRun) -> None:
    if run.clone_of and run.size.is_group:
        raise _refuse("clone_of", "cannot stand beside folds or seeds: a clone is a single run")
    if run.clone_of:
        try:
            check(changed(run_to_copy(run.clone_of), run.payload))
        except RunError as error:
            raise _refuse("clone_of", str(error)) from error
    elif run.size.is_group:
        plan_group(run.payload, run.size)
    else:
        resolve(run.payload)


def _refuse(path: str, message: str) -> ConfigInvalid:
    return ConfigInvalid([FieldError(path, message)])


def _expand(tree: Any) -> list[PlannedRun]:
    if isinstance(tree, list):
        return _listed(tree)
    if not isinstance(tree, dict):
        raise _refuse("file", "must be a list of runs, or hold runs, or base and grid")
    unknown = [key for key in tree if key not in _KEYS]
    if unknown:
        nearest = closest(unknown[0], _KEYS)
        hint = f"did you mean {nearest}?" if nearest else f"the keys are {', '.join(_KEYS)}"
        raise _refuse(unknown[0], f"is not a known key of a file of runs; {hint}")
    if "runs" in tree:
        if len(tree) > 1:
            raise _refuse("runs", "cannot stand beside base, grid or name")
        return _listed(tree["runs"])
    return _gridded(tree.get("base") or {}, tree.get("grid") or {}, tree.get("name") or "")


def _listed(items: Any) -> list[PlannedRun]:
    if not isinstance(items, list) or not items:
        raise _refuse("runs", "must be a list with at least one run")
    _check_number(len(items))
    return [_one(item, number) for number, item in enumerate(items, 1)]


def _one(item: Any, number: int) -> PlannedRun:
    if not isinstance(item, dict):
        raise _refuse(f"run {number}", f"must be a group of keys, not {show(item)}")
    if "config" in item:
        extra = [key for key in item if key not in ("config", "name", *SIZE_KEYS)]
        if extra:
            raise _refuse(f"run {number}, {extra[0]}", "belongs inside config")
        return PlannedRun(item["config"], clean_name(item.get("name") or ""), _size(item, number))
    payload = {key: value for key, value in item.items() if key not in SIZE_KEYS}
    name = clean_name(payload.pop("name", None) or "")
    clone_of = payload.pop("clone_of", "")
    if not isinstance(clone_of, str):
        raise _refuse(f"run {number}, clone_of", f"must be the id of a run, not {show(clone_of)}")
    return PlannedRun(payload, name, _size(item, number), clone_of)


def _size(item: dict[str, Any], number: int) -> Size:
    try:
        return read_size(**{key: item[key] for key in SIZE_KEYS if item.get(key) is not None})
    except ConfigInvalid as invalid:
        where = f"run {number}"
        raise ConfigInvalid(
            [FieldError(f"{where}, {error.path}", error.message) for error in invalid.errors]
        ) from invalid


def _gridded(base: Any, grid: Any, name: Any) -> list[PlannedRun]:
    """One run for every combination of the grid's values, the last key varying fastest."""
    if not isinstance(base, dict):
        raise _refuse("base", "must be a group of keys")
    if not isinstance(grid, dict) or not all(isinstance(v, list) and v for v in grid.values()):
        raise _refuse("grid", "must give each key a list with at least one value")
    _check_number(math.prod(len(values) for values in grid.values()))
    if "name" in base:
        raise _refuse("base, name", "belongs beside base")
    label = clean_name(name)
    runs: list[PlannedRun] = []
    for values in itertools.product(*grid.values()):
        chosen = dict(zip(grid, values, strict=True))
        says = ", ".join(f"{key}={value}" for key, value in chosen.items())
        title = f"{label}: {says}" if label and says else label or says
        runs.append(_one({**base, **chosen, "name": title[:200]}, len(runs) + 1))
    return runs


def _check_number(runs: int) -> None:
    if runs > MAX_RUNS:
        raise _refuse(
            "file", f"asks for {runs:,} runs; at most {MAX_RUNS:,} can be launched at once"
        )
