"""What a failed run says about the fields at fault, and the change that may cure it."""

from __future__ import annotations

import math
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
    found = _told(run).get("fields", {})
    return {str(path): str(message) for path, message in found.items()}


def _told(run: TrainingRun) -> dict[str, Any]:
    """What was stored with the run's failure; nothing where it has not failed."""
    if run.status != RunStatus.FAILED:
        return {}
    last = run.events.filter(kind=EventKind.STATUS).order_by("-seq").first()
    return last.payload if last else {}


def suggestion(run: TrainingRun) -> dict[str, int] | None:
    """What a clone changes to need less memory and learn the same; None where that is nothing.

    The batch is halved, rounded up, as often as it takes as far as that is known, and as many
    windows make an optimizer step by twice the passes each time.
    """
    if run.status != RunStatus.FAILED or run.reason != Reason.OUT_OF_MEMORY:
        return None
    told = _told(run)
    return smaller_batch(
        run.config,
        told.get("fields", {}),
        asked=told.get("asked_bytes"),
        free=told.get("free_bytes"),
    )


def smaller_batch(
    config: dict[str, Any],
    at_fault: Mapping[str, str],
    *,
    asked: int | None = None,
    free: int | None = None,
) -> dict[str, int] | None:
    """The same for any resolved configuration that ran out of memory at these fields.

    ``asked`` and ``free`` are bytes: of the whole batch where that is at fault, else of a single
    allocation, which says nothing of the batch. What the network itself takes is shared out, too,
    so that where it is large one more halving may be needed.
    """
    if at_fault and BATCH not in at_fault:
        return None  # the network alone is too large
    batch, passes = _number(config, BATCH), _number(config, ACCUMULATION)
    share = asked / free if BATCH in at_fault and asked and free else 1.0
    halvings = max(1, math.ceil(math.log2(share)))
    passes *= 2**halvings
    if batch < 2**halvings or passes > MAX_ACCUMULATION:
        return None
    return {BATCH: -(-batch // 2**halvings), ACCUMULATION: passes}


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
