"""Groups of runs: launch folds and seeds together, cancel and delete them together."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction

from runs_app.choices import LIVE
from runs_app.errors import GroupNotFound, RunInTrash, RunStillLive
from runs_app.execution import wakeups
from runs_app.execution.lifecycle import Place, create_run, request_cancel
from runs_app.execution.unmade import folders_only_with_rows
from runs_app.forecasting.config.faults import show
from runs_app.forecasting.config.request import flat_from_config
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.inspect import check_against
from runs_app.forecasting.data.walk_forward import (
    MAX_FOLDS,
    MAX_SEEDS,
    Scheme,
    seeds_of,
    walk_forward,
)
from runs_app.forecasting.errors import ConfigInvalid, FieldError
from runs_app.models import RunGroup
from runs_app.services.launch import MAX_NAME, candle_facts, clean_name, refuse_full, resolve
from runs_app.services.trash import trash_run

MAX_RUNS = 1000
WAKES = 10
"""Workers woken for a new group; each run that ends wakes the next."""


@dataclass(frozen=True)
class Size:
    """How many runs, and how they differ; ``is_group`` is False for a single run."""

    folds: int
    seeds: int
    scheme: Scheme

    @property
    def is_group(self) -> bool:
        """True where there is more than one run."""
        return self.folds * self.seeds > 1


ONE = Size(1, 1, Scheme.EXPANDING)
"""A single run, which is no group."""

SIZE_KEYS = ("folds", "seeds", "scheme")
"""What a request says beside its configuration to get a group."""


@dataclass(frozen=True)
class PlannedGroup:
    """A group that was checked and not yet created."""

    config: RunConfig
    size: Size
    runs: tuple[tuple[int, RunConfig], ...]
    """Fold from 1, and configuration."""


def read_size(folds: Any = 1, seeds: Any = 1, scheme: Any = Scheme.EXPANDING) -> Size:
    """How many folds and seeds a sender asks for. Raises ``ConfigInvalid`` naming the fields."""
    faults: list[FieldError] = []
    counts = {}
    for path, value, most in (("folds", folds, MAX_FOLDS), ("seeds", seeds, MAX_SEEDS)):
        count = _whole(value)
        if count is None or not 1 <= count <= most:
            faults.append(
                FieldError(
                    path,
                    f"must be a whole number from 1 to {most}, not "
                    f"{show(value if count is None else count)}",
                )
            )
        counts[path] = count or 1
    if scheme not in list(Scheme):
        schemes = " or ".join(Scheme)
        faults.append(FieldError("scheme", f"must be {schemes}, not {show(scheme)}"))
    elif not faults and counts["folds"] * counts["seeds"] > MAX_RUNS:
        asked = counts["folds"] * counts["seeds"]
        message = f"times the seeds makes {asked:,} runs; at most {MAX_RUNS:,} make a group"
        faults.append(FieldError("folds", message))
    if faults:
        raise ConfigInvalid(faults)
    return Size(counts["folds"], counts["seeds"], Scheme(scheme))


def _whole(value: Any) -> int | None:
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        return int(value) if len(value) < 9 else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def plan_group(payload: Any, size: Size) -> PlannedGroup:
    """The configurations of a group's runs, each checked against schema and candles.

    ``payload`` is what ``launch_run`` takes. Raises ``ConfigInvalid`` under the sender's names.
    """
    if not size.is_group:
        message = "must be at least 2, or the seeds must; a single run is no group"
        raise ConfigInvalid([FieldError("folds", message)])
    config, request = resolve(payload)
    try:
        folds = _folds(config, size)
        runs = [(n, each) for n, fold in enumerate(folds, 1) for each in seeds_of(fold, size.seeds)]
    except ConfigInvalid as invalid:
        raise request.renamed(invalid) from invalid
    return PlannedGroup(config, size, tuple(runs))


def _folds(config: RunConfig, size: Size) -> list[RunConfig]:
    if size.folds == 1:
        return [config]
    facts = candle_facts(config)
    first = max(config.data.start or facts.first_open, facts.first_open)
    last = min(config.data.end or facts.last_close, facts.last_close)
    folds = walk_forward(config, first, last, size.folds, size.scheme)
    for number, fold in enumerate(folds, 1):
        errors = check_against(fold, facts)
        if errors:
            message = f"fold {number} of {size.folds}: {errors[0].message}"
            raise ConfigInvalid([FieldError("folds", message)])
    return folds


def launch_group(payload: Any, *, size: Size, name: str = "") -> RunGroup:
    """Check a group and store its runs as pending, all or none; workers are woken on commit.

    Raises ``ConfigInvalid``, ``DiskFull``, and ``OSError`` where the runs' files cannot be written.
    """
    refuse_full()
    label = clean_name(name)
    planned = plan_group(payload, size)
    made: list[str] = []
    with folders_only_with_rows(made), transaction.atomic():
        group = RunGroup.objects.create(
            name=label,
            scheme=size.scheme if size.folds > 1 else "",
            folds=size.folds,
            seeds=size.seeds,
            config=planned.config.model_dump(mode="json"),
        )
        for fold, config in planned.runs:
            place = Place(group, fold, config.train.seed)
            title = run_name(label, size, fold, config.train.seed)
            made.append(create_run(config, flat_from_config(config), title, place=place).uid)
        transaction.on_commit(partial(wakeups.wake_oldest, WAKES), robust=True)
    return group


def run_name(label: str, size: Size, fold: int, seed: int) -> str:
    """A run's name: what sets it apart in the group, then the group's."""
    apart = [f"fold {fold}/{size.folds}"] * (size.folds > 1) + [f"seed {seed}"] * (size.seeds > 1)
    return " · ".join([*apart, *[label] * bool(label)])[:MAX_NAME]


def find_group(uid: str) -> RunGroup:
    """The group with this public id. Raises ``GroupNotFound``."""
    group = RunGroup.objects.filter(uid=uid).first()
    if group is None:
        raise GroupNotFound(f"There is no group {uid}.")
    return group


def cancel_group(uid: str) -> int:
    """Cancel every run of the group that has not ended; returns how many were asked to.

    The waiting ones go first, so that none starts in the place of one that stops. Raises
    ``GroupNotFound``.
    """
    live = find_group(uid).runs.filter(status__in=LIVE).order_by("status", "pk")
    return sum(request_cancel(pk) is not None for pk in list(live.values_list("pk", flat=True)))


def delete_group(uid: str, *, cancel: bool = False) -> int:
    """Move all runs of the group to the trash; returns how many.

    The group itself goes when the last of them is deleted for good. With ``cancel`` runs that have
    not ended are cancelled first. Interrupted, it can be called again. Raises ``GroupNotFound`` and
    ``RunStillLive``.
    """
    group = find_group(uid)
    live = group.runs.filter(status__in=LIVE).count()
    if live and not cancel:
        verb = "runs have" if live > 1 else "run has"
        raise RunStillLive(f"{live} {verb} not ended; cancel the group before you delete it.")
    moved = 0
    # The waiting ones first, so that none starts in the place of one that stops.
    visible = group.runs.visible().order_by("status", "pk")
    for run in list(visible.values_list("uid", flat=True)):
        with suppress(RunInTrash):
            trash_run(run, cancel=cancel)
            moved += 1
    return moved
