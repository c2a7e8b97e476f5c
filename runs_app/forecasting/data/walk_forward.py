"""Walk-forward: one configuration becomes several, each trained anew and tested on what follows.

Every fold is an ordinary run: its purges and its embargo are those of an ordinary split. Imports no
torch.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from runs_app.forecasting.config.paths import merge
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.config.timeframes import WEEK_ANCHOR_SECONDS, duration_seconds
from runs_app.forecasting.counted import counted
from runs_app.forecasting.data.splits import LEAST_DECISIONS
from runs_app.forecasting.data.warmup import WARMUP_BARS
from runs_app.forecasting.errors import ConfigInvalid, FieldError

MAX_FOLDS = 50
MAX_SEEDS = 50


class Scheme(StrEnum):
    """What a later fold learns from."""

    EXPANDING = "expanding"
    """Everything before its test."""
    ROLLING = "rolling"
    """As long a time before its test as the first fold has."""


def walk_forward(
    config: RunConfig,
    first: datetime,
    last: datetime,
    folds: int,
    scheme: Scheme = Scheme.EXPANDING,
) -> list[RunConfig]:
    """The configurations of ``folds`` folds over the candles from ``first`` to ``last`` (UTC).

    ``first`` is when the first candle opens that may be used, ``last`` when the last one closes.
    The test parts follow each other without overlap and reach to the last decision whose outcome
    is known. They are equally long: the first fold shares its time out by the fractions of
    ``config``, and each later one tests the stretch that follows. An expanding fold learns from
    everything before its test, a rolling one from as long a time as the first.

    Raises ``ConfigInvalid`` at ``folds`` where a part would hold too few decisions, and at
    ``test_start`` where the configuration dates a test of its own.
    """
    if config.data.test_start is not None or config.data.test_end is not None:
        raise _refuse("data.test_start", "cannot be chosen: each fold has a test of its own")
    if not 2 <= folds <= MAX_FOLDS:
        raise _refuse("folds", f"must be from 2 to {MAX_FOLDS}, or 1 for no walk-forward")
    bar = duration_seconds(config.data.decision_timeframe)
    slowest = duration_seconds(config.data.ordered_timeframes[-1])
    warm = timedelta(seconds=(WARMUP_BARS + config.model.context_bars) * slowest)
    begin, stop = first + warm, last - config.longest_outcome
    test_fraction = 1 - config.data.train_fraction - config.data.validation_fraction
    usable = (stop - begin - 2 * config.purge) / (1 + (folds - 1) * test_fraction)
    length = _whole_bars(usable * test_fraction, bar)
    _refuse_short(config, usable, length, bar, folds)
    slack = timedelta(seconds=config.data.max_gap_bars * bar)
    made = []
    for fold in range(folds):
        left = folds - fold
        test_start = _on_grid(stop, bar) - left * length + timedelta(seconds=bar)
        test_end = test_start + length if left > 1 else None
        start = config.data.start
        if scheme is Scheme.ROLLING and fold:
            start = _on_grid(first + fold * length, slowest)
        reach = None if test_end is None else test_end + config.longest_outcome + slack
        end = config.data.end if reach is None or reach >= last else reach
        dates = {"start": start, "end": end, "test_start": test_start, "test_end": test_end}
        tree = merge(config.model_dump(), {"data": dates})
        made.append(RunConfig.model_validate(tree))
    return made


def seeds_of(config: RunConfig, count: int) -> list[RunConfig]:
    """``count`` configurations that differ in nothing but the seed: s, s + 1, and so on.

    Raises ``ConfigInvalid``.
    """
    if not 1 <= count <= MAX_SEEDS:
        raise _refuse("seeds", f"must be from 1 to {MAX_SEEDS}")
    first = config.train.seed
    if first + count > 2**31:
        raise _refuse("train.seed", f"leaves no room for {count} seeds; choose a lower one")
    return [
        RunConfig.model_validate(merge(config.model_dump(), {"train": {"seed": seed}}))
        for seed in range(first, first + count)
    ]


def _refuse(path: str, message: str) -> ConfigInvalid:
    return ConfigInvalid([FieldError(path, message)])


def _whole_bars(span: timedelta, bar_seconds: int) -> timedelta:
    return timedelta(seconds=int(span.total_seconds()) // bar_seconds * bar_seconds)


def _on_grid(at: datetime, bar_seconds: int) -> datetime:
    """The last instant at or before ``at`` at which a bar opens."""
    behind = (at.timestamp() - WEEK_ANCHOR_SECONDS) % bar_seconds
    return at - timedelta(seconds=behind)


def _refuse_short(
    config: RunConfig, usable: timedelta, length: timedelta, bar_seconds: int, folds: int
) -> None:
    bar = timedelta(seconds=bar_seconds)
    have = {
        "train": usable * config.data.train_fraction / bar,
        "validation": usable * config.data.validation_fraction / bar,
        "test": length / bar,
    }
    for part, least in LEAST_DECISIONS.items():
        if have[part] < least:
            raise _refuse(
                "folds",
                f"{counted(folds, 'fold')} leave the {part} part of each "
                f"{counted(max(int(have[part]), 0), 'decision')}, and at least {least} "
                "are needed; choose fewer folds, more data, or a shorter long horizon",
            )
