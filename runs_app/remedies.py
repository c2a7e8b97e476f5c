"""What a failed run says about the fields at fault, and the change that may cure it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from annotated_types import Le

from runs_app.choices import EventKind, RunStatus
from runs_app.forecasting.config.paths import FIELDS, get_path
from runs_app.forecasting.events import Reason
from runs_app.models import TrainingRun

BATCH, ACCUMULATION = "train.batch_size", "train.accumulation"
MAX_ACCUMULATION = max(
    cast("int", rule.le) for rule in FIELDS[ACCUMULATION].metadata if isinstance(rule, Le)
)


@dataclass(frozen=True)
class Change:
    """One field of a suggestion."""

    label: str
    before: Any
    after: Any


def fields_at_fault(run: TrainingRun) -> dict[str, str]:
    """Schema path to message, as the trainer reported them when the run failed."""
    if run.status != RunStatus.FAILED:
        return {}
    last = run.events.filter(kind=EventKind.STATUS).order_by("-seq").first()
    found = last.payload.get("fields", {}) if last else {}
    return {str(path): str(message) for path, message in found.items()}


def suggestion(run: TrainingRun) -> dict[str, int] | None:
    """What a clone changes to need half the memory and learn the same; None where that is nothing.

    The batch is halved, rounded up, and as many windows make an optimizer step by twice the passes.
    """
    if run.status != RunStatus.FAILED or run.reason != Reason.OUT_OF_MEMORY:
        return None
    return smaller_batch(run.config, fields_at_fault(run))


def smaller_batch(config: dict[str, Any], at_fault: Mapping[str, str]) -> dict[str, int] | None:
    """The same for any resolved configuration that ran out of memory at these fields."""
    if at_fault and BATCH not in at_fault:
        return None  # the network alone is too large
    batch, passes = _number(config, BATCH), _number(config, ACCUMULATION)
    if batch < 2 or 2 * passes > MAX_ACCUMULATION:
        return None
    return {BATCH: (batch + 1) // 2, ACCUMULATION: 2 * passes}


def changes(config: dict[str, Any], suggested: Mapping[str, int]) -> list[Change]:
    """A suggestion as what was and what would be."""
    return [
        Change(str(FIELDS[path].title).lower(), _number(config, path), value)
        for path, value in suggested.items()
    ]


def _number(config: dict[str, Any], path: str) -> int:
    """The value; a configuration that is older than the field had the value 1."""
    try:
        return int(get_path(config, path))
    except (KeyError, TypeError, ValueError):
        return 1
